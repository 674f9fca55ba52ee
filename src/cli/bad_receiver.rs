//! `cornet bad-receiver`: a receiver that does everything wrong that a receiver can, so that whoever sends to it sees how
//! their set-up takes it. Which wrong it does is chosen by the URL. It listens on this machine alone and knows nothing
//! of the rest of Cornet but how an attempt's outcome is called.

mod behaviours;
mod play;

use std::fmt;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;

pub use behaviours::{BEHAVIOURS, Behaviour, Outcome};

use super::print_line;
use behaviours::Reads;

/// Receive badly: hang, drip, flood, cut connections, lie. The URL says how: http://127.0.0.1:8499/drip-headers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cornet bad-receiver --list\n  cornet bad-receiver &\n  \
                        CORNET_ALLOW_NETWORKS=127.0.0.0/8 cornet\n\n\
                        Then register http://127.0.0.1:8499/never-answers as an endpoint, send it a message, and see what\n\
                        becomes of it. What is wrong with TLS has a URL such as https://tls-silent.localhost:8499/")]
pub struct BadReceiverArgs {
    /// Port to listen on, on this machine alone; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8499)]
    pub port: u16,

    /// Print all that it can do, with what Cornet records of each, and end
    #[arg(long)]
    pub list: bool,
}

/// Lists what it can do, or receives until it is ended.
///
/// # Errors
/// When it can't listen.
pub fn run(args: &BadReceiverArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        return print_line(list().trim_end());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        let listener = TcpListener::bind(wanted).await;
        let listener = listener.with_context(|| format!("cannot listen on {wanted}; choose another --port"))?;
        // Whoever started it reads where it is, and may stop reading then.
        writeln!(std::io::stdout(), "http://{}/", listener.local_addr()?).ok();
        play::receive(listener).await?;
        Ok(ExitCode::SUCCESS)
    })
}

impl Behaviour {
    /// The URL that asks for it where a bad receiver listens on this port.
    pub fn url(&self, port: u16) -> String {
        match self.reads {
            Reads::Hello => format!("https://{}.localhost:{port}/", self.name),
            Reads::Request | Reads::Line => format!("http://127.0.0.1:{port}/{}", self.name),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered => formatter.write_str("delivered"),
            Self::Status(status) => write!(formatter, "status {status}"),
            Self::Failed(code) => formatter.write_str(code.as_str()),
        }
    }
}

/// Every behaviour on a line of its own: its name, what Cornet records, and what it does.
fn list() -> String {
    BEHAVIOURS.iter().map(|one| format!("{:<24} {:<24} {}\n", one.name, one.outcome.to_string(), one.does)).collect()
}

/// The answer to a request that asks for no behaviour: all that there are.
fn page(name: &str, address: SocketAddr) -> String {
    let status = if name.is_empty() { "200 OK" } else { "404 Not Found" };
    let urls: String = BEHAVIOURS
        .iter()
        .map(|one| format!("{}\n    {}; Cornet records: {}\n", one.url(address.port()), one.does, one.outcome))
        .collect();
    let body = format!("What this receiver does wrong is chosen by the URL.\n\n{urls}");
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
