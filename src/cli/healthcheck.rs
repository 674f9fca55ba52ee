//! `cornet healthcheck`: asks the server on this machine whether it is ready, for a container or a service manager
//! that has no HTTP client at hand.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::config::{Config, Options, process_variable};

/// How long the server may take to say something.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of the answer is read.
const ANSWER_BYTES_MAX: u64 = 4096;
/// Nobody listens there.
const EXIT_UNREACHABLE: u8 = 7;

/// Asks `/readyz` where the settings say that the server listens.
///
/// # Errors
/// When a setting can't be used or the answer can't be read.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let address = reachable(Config::read(options, &process_variable)?.listen);
    let mut stream = match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("cornet: nobody answers on {address}: {error}");
            return Ok(ExitCode::from(EXIT_UNREACHABLE));
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).with_context(|| format!("cannot read from {address}"))?;
    let answer = String::from_utf8_lossy(&answer);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let ready = answer.starts_with("HTTP/1.1 200 ");
    super::print_line(body.trim_end())?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The address to connect to when the server listens on `listen`: every network includes the machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}
