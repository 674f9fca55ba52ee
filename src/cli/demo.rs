//! `cornet demo`: a server with something to look at. It serves as `cornet serve` does, on data of its own, and plays
//! the platform that uses it: all that it does goes through the API, as it would in earnest.

mod play;
mod scenes;
mod stories;

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::oneshot;
use url::Url;

use super::client::Client;
use super::serve::log_format;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, ConfigError, Options, process_variable};
use crate::domain::key;
use crate::server::{self, Told};
use crate::telemetry::start_logging;

/// The variable of the first key; what is in it is taken, as by any server.
const KEY_VARIABLE: &str = "CORNET_API_KEY";
/// Short, so that one sees an endpoint fail, be tried again, and recover.
const RETRY_SCHEDULE: &str = "5s,30s,2m";

/// Serve a demo: an environment for each way of working, with lifelike traffic
///
/// It has data of its own and touches nothing else: a temporary directory, gone when the demo ends, or the one that you
/// name. Deliveries go to inboxes inside the process, so nothing leaves this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cornet demo\n  cornet demo --listen 127.0.0.1:9000 --data-dir ./demo")]
pub struct DemoArgs {
    /// Address and port to serve on
    #[arg(long, value_name = "ADDRESS", env = "CORNET_LISTEN", default_value = "127.0.0.1:8484")]
    #[arg(hide_env_values = true)]
    pub listen: String,
    /// Directory that keeps the data; it must be new or empty [default: a temporary one that is removed at the end]
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Where people reach this server from outside, such as https://hooks.example.com
    #[arg(long, value_name = "URL", env = "CORNET_PUBLIC_URL", hide_env_values = true)]
    pub public_url: Option<String>,
    /// What to log: error, warn, info, debug or trace, or tracing directives
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub log: String,
}

/// Serves the demo until SIGTERM or SIGINT.
///
/// # Errors
/// When the server can't be started, or what is to be seen can't be set up.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let place = DemoDirectory::new(args.data_dir.as_deref())?;
    let key = match process_variable(KEY_VARIABLE) {
        Some(key) => key,
        None => key::generate()?,
    };
    let variables = |name: &str| (name == KEY_VARIABLE).then(|| key.clone());
    let config = Config::read(&options(args, &place.path), &variables)?;
    start_logging(&config.log, log_format(&config)?).map_err(|error| ConfigError::new("CORNET_LOG", error))?;
    let (tell, told) = oneshot::channel();
    let actor = thread::spawn(move || {
        // The server did not come to serve; it says why.
        let Ok(address) = told.blocking_recv() else { return Ok(()) };
        let played = Client::with_key(url_of(address)?, &key).and_then(|client| play::play(&client, &place));
        if played.is_err() {
            kill_process(getpid(), Signal::TERM)?;
        }
        played
    });
    let served = server::serve(config, Told::Program(tell));
    // It ends by itself once the server does not answer any more; its directory goes with it.
    let played = actor.join().map_err(|_| anyhow::anyhow!("the demo broke off"))?;
    served?;
    played?;
    Ok(ExitCode::SUCCESS)
}

/// The settings of the demo's server: what is set for another server on this machine is not for this one.
fn options(args: &DemoArgs, data_dir: &Path) -> Options {
    Options {
        listen: args.listen.clone(),
        data_dir: Some(data_dir.to_string_lossy().into_owned()),
        database_url: None,
        allow_unsafe_database: "false".to_owned(),
        lease: "15s".to_owned(),
        allow_networks: String::new(),
        retry_schedule: Some(RETRY_SCHEDULE.to_owned()),
        public_url: args.public_url.clone(),
        portal_frame_ancestors: String::new(),
        request_timeout: "15s".to_owned(),
        grace: "5s".to_owned(),
        connections_max: None,
        application_rate: None,
        application_waiting_max: None,
        keep_answer_bodies: "true".to_owned(),
        log: args.log.clone(),
        log_format: "auto".to_owned(),
    }
}

/// Where this process reaches its own server.
fn url_of(mut address: SocketAddr) -> anyhow::Result<Url> {
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    Ok(format!("http://{address}").parse()?)
}

/// Where the demo's data is.
struct DemoDirectory {
    path: PathBuf,
    is_kept: bool,
}

impl DemoDirectory {
    /// The directory that is wanted, if nothing is in it, or a new one that goes with the demo.
    fn new(wanted: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = wanted else {
            let name = format!("cornet-demo-{}-{}", std::process::id(), SystemClock::default().now().as_ms());
            let path = std::env::temp_dir().join(name);
            let made = DirBuilder::new().mode(0o700).create(&path);
            made.with_context(|| format!("cannot make the directory {}", path.display()))?;
            return Ok(Self { path, is_kept: false });
        };
        match std::fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
            Ok(false) => anyhow::bail!(
                "--data-dir: {} is not empty; the demo wants a directory of its own (`cornet serve` goes on with an old one)",
                path.display()
            ),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("--data-dir: cannot read {}", path.display()))
            }
            _ => Ok(Self { path: path.to_owned(), is_kept: true }),
        }
    }
}

impl Drop for DemoDirectory {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("cornet: cannot remove {}: {error}", self.path.display());
        }
    }
}
