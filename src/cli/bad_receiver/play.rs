//! Plays what the table says to whoever connects. It knows nothing of a request but its first line and where it ends.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::behaviours::{BEHAVIOURS, Behaviour, Reads, Step};
use super::page;

/// The most that is read of a head, or of a handshake's first message.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// How long it is between two drops.
const DROP_EVERY: Duration = Duration::from_millis(200);
/// How long a connection is held at most by somebody who does not look whether the other end has left.
const HOLD_MAX: Duration = Duration::from_secs(10 * 60);
/// What a TLS message of a handshake begins with.
const HANDSHAKE: u8 = 0x16;
/// The end of the names by which behaviours of TLS are asked for.
const TLS_NAME_END: &[u8] = b".localhost";

/// Receives until the listener breaks.
pub(super) async fn receive(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // Whoever connects may leave at any point of the play.
        tokio::spawn(async move { attend(stream).await.ok() });
    }
}

async fn attend(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first[0] == HANDSHAKE {
        let hello = read_hello(&mut stream).await?;
        return match find(BEHAVIOURS, Reads::Hello, tls_name(&hello)) {
            Some(behaviour) => play(stream, behaviour).await,
            None => Ok(()),
        };
    }
    let line = read_line(&mut stream).await?;
    let name = line.split(' ').nth(1).unwrap_or_default();
    let name = name.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
    match find(BEHAVIOURS, Reads::Request, name).or_else(|| find(BEHAVIOURS, Reads::Line, name)) {
        Some(behaviour) => {
            if behaviour.reads == Reads::Request {
                read_rest(&mut stream).await?;
            }
            play(stream, behaviour).await
        }
        None => {
            read_rest(&mut stream).await?;
            stream.write_all(page(name, stream.local_addr()?).as_bytes()).await
        }
    }
}

fn find<'a>(behaviours: &'a [Behaviour], reads: Reads, name: &str) -> Option<&'a Behaviour> {
    behaviours.iter().find(|behaviour| behaviour.reads == reads && behaviour.name == name)
}

async fn play(mut stream: TcpStream, behaviour: &Behaviour) -> io::Result<()> {
    for step in behaviour.script {
        match *step {
            Step::Say(bytes) => stream.write_all(bytes).await?,
            Step::Repeat(bytes, times) => {
                for _ in 0..times {
                    stream.write_all(bytes).await?;
                }
            }
            Step::Flood(bytes) => flood(&mut stream, bytes).await?,
            Step::Drip(bytes) => loop {
                stream.write_all(bytes).await?;
                tokio::time::sleep(DROP_EVERY).await;
            },
            Step::Wait(length) => tokio::time::sleep(length).await,
            Step::Stay if behaviour.reads == Reads::Line => tokio::time::sleep(HOLD_MAX).await,
            Step::Stay => while stream.read(&mut [0; 1024]).await? > 0 {},
            Step::HalfClose => stream.shutdown().await?,
            Step::Reset => return stream.set_zero_linger(),
        }
    }
    Ok(())
}

/// Says the same again and again, in pieces that are worth a call.
async fn flood(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let piece = bytes.repeat(16 * 1024 / bytes.len());
    loop {
        stream.write_all(&piece).await?;
    }
}

/// Reads to the end of the first line, which must be short, byte by byte so that nothing after it is taken.
async fn read_line(stream: &mut TcpStream) -> io::Result<String> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') && line.len() < HEAD_BYTES_MAX {
        line.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Reads the headers and the body, as long as the headers say that it is.
async fn read_rest(stream: &mut TcpStream) -> io::Result<()> {
    let mut length = 0_u64;
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    tokio::io::copy(&mut stream.take(length), &mut tokio::io::sink()).await?;
    Ok(())
}

/// Reads the first message of a TLS handshake.
async fn read_hello(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut start = [0; 5];
    stream.read_exact(&mut start).await?;
    let mut hello = vec![0; u16::from_be_bytes([start[3], start[4]]).into()];
    stream.read_exact(&mut hello).await?;
    Ok(hello)
}

/// The behaviour that the host name in a TLS handshake asks for; empty when there is none.
fn tls_name(hello: &[u8]) -> &str {
    let end = hello.windows(TLS_NAME_END.len()).position(|window| window == TLS_NAME_END).unwrap_or_default();
    let is_of_name = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'-';
    let length = hello[..end].iter().rev().take_while(|byte| is_of_name(byte)).count();
    std::str::from_utf8(&hello[end - length..end]).unwrap_or_default()
}
