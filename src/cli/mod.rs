//! The commands that a person types. Each has its arguments and a `run`; none knows more of Cornet than the layer
//! below needs it to. What is asked for goes to stdout, everything else to stderr.

pub mod bad_receiver;
pub mod bench;
pub mod client;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod healthcheck;
pub mod link;
pub mod moving;
pub mod rotate_master_key;
pub mod sandbox;
pub mod send;
pub mod serve;
pub mod sign;
pub mod verify;
pub mod why;

mod signed_input;
mod table;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use client::ClientError;

use crate::api;
use crate::clock::SystemClock;
use crate::config::{ConfigError, Options};
use crate::server::ServeError;
use crate::server::rotating::RotateError;

/// Something that is none of the others went wrong.
const EXIT_FAILED: u8 = 1;
/// A setting can't be used; 2 is a mistyped command line, by clap.
const EXIT_CONFIG: u8 = 3;
/// The data directory or the store can't be used.
const EXIT_STORE: u8 = 4;

const EXAMPLES: &str = "\
Examples:
  cornet                                   serve 127.0.0.1:8484, with a store of its own
  cornet --allow-networks 127.0.0.0/8      deliver to this machine too, to try it out
  CORNET_LISTEN=0.0.0.0:8484 cornet serve  serve every network of the machine
  cornet send --type order.created         post a message to a running server
  cornet why MSG                           what became of a message, and why
  cornet link                              print a link that opens the dashboard
  cornet demo                              look at it with lifelike traffic, on data of its own
  cornet config                            show every setting, and where its value comes from
  cornet doctor                            look whether all is well with an installation
  cornet move --to postgres://HOST/DB      carry the store to a PostgreSQL server
  cornet rotate-master-key                 replace the key that seals the store's secrets
  cornet verify --help                     check the signature of a request that came in
  cornet bench                             measure this machine
  cornet bad-receiver --list               what a receiver can do wrong, to try on Cornet

A flag wins over its variable. Secrets have only variables, because everybody can see flags:
  CORNET_API_KEY     the admin key that a new store begins with; made up when it is not set
  CORNET_MASTER_KEY  base64 of 32 bytes that seal the store's secrets, instead of a file
  CORNET_OLD_MASTER_KEYS, CORNET_NEXT_MASTER_KEY  those before and after it, while it is replaced
Each may be in a file instead, which the same variable with _FILE after it names.";

/// Sends webhooks: post a message once, and Cornet delivers it, signed, to every subscribed endpoint, and tries again
/// until it arrives.
///
/// Without a command it serves: it makes its data directory, its store and its first API key by itself, and shows the
/// address, the key and a first command to try.
#[derive(Debug, clap::Parser)]
#[command(name = "cornet", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve the API and deliver messages; what `cornet` alone does
    #[command(after_help = EXAMPLES)]
    Serve(Options),
    /// Show every setting with its value and where that comes from; secrets are hidden
    Config(Options),
    Demo(demo::DemoArgs),
    Doctor(doctor::DoctorArgs),
    Send(send::SendArgs),
    Why(why::WhyArgs),
    Link(link::LinkArgs),
    Sign(sign::SignArgs),
    Verify(verify::VerifyArgs),
    Bench(bench::BenchArgs),
    BadReceiver(bad_receiver::BadReceiverArgs),
    Move(moving::MoveArgs),
    RotateMasterKey(rotate_master_key::RotateMasterKeyArgs),
    /// Print the OpenAPI document of the API
    Openapi,
    /// Ask the server on this machine whether it is ready; exits with 0 when it is
    Healthcheck(Options),
    /// Run the code of transformations, for a server
    #[command(hide = true)]
    Sandbox,
    /// Print the version
    Version,
}

/// Does what the command line says; the code is what the process exits with.
pub fn run() -> ExitCode {
    let matches = Cli::command().get_matches();
    let done = Cli::from_arg_matches(&matches).map_err(anyhow::Error::from).and_then(|cli| match cli.command {
        None => serve::run(&cli.options),
        Some(Command::Serve(options)) => serve::run(&options),
        Some(Command::Config(options)) => {
            config::run(&options, matches.subcommand_matches("config").unwrap_or(&matches))
        }
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Send(args)) => send::run(&args),
        Some(Command::Why(args)) => why::run(&args),
        Some(Command::Link(args)) => link::run(&args),
        Some(Command::Sign(args)) => sign::run(&args, &SystemClock::default()),
        Some(Command::Verify(args)) => verify::run(&args, &SystemClock::default()),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::BadReceiver(args)) => bad_receiver::run(&args),
        Some(Command::Move(args)) => moving::run(&args),
        Some(Command::RotateMasterKey(args)) => rotate_master_key::run(&args),
        Some(Command::Openapi) => print_line(&serde_json::to_string_pretty(&api::openapi())?),
        Some(Command::Healthcheck(options)) => healthcheck::run(&options),
        Some(Command::Sandbox) => sandbox::run(),
        Some(Command::Version) => print_line(concat!("cornet ", env!("CARGO_PKG_VERSION"))),
    });
    done.unwrap_or_else(|error| {
        eprintln!("cornet: {error:#}");
        ExitCode::from(exit_code(&error))
    })
}

/// Prints what was asked for; a reader that has gone away, as `head` does, is no failure.
fn print_line(text: &str) -> anyhow::Result<ExitCode> {
    use std::io::Write as _;

    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Text from somewhere else, as it may stand on a terminal: what would steer the terminal is replaced.
fn shown(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }).collect()
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return error.exit_code().unwrap_or(EXIT_FAILED);
    }
    let rotating = error.downcast_ref::<RotateError>();
    let serving = match rotating {
        Some(RotateError::Serve(error)) => Some(error),
        _ => error.downcast_ref::<ServeError>(),
    };
    match serving {
        Some(ServeError::Config(_)) => EXIT_CONFIG,
        Some(ServeError::Directory(_) | ServeError::Store(_)) => EXIT_STORE,
        Some(_) => EXIT_FAILED,
        None if error.is::<ConfigError>() => EXIT_CONFIG,
        None => EXIT_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
