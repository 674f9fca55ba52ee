//! Puts the server together and takes it apart: opens what is on disk, starts the engine and the HTTP server, waits
//! for a signal, and ends both in an order that loses nothing. What is served, and how, is in the modules below.

mod answer;
mod connections;
pub mod examining;
mod exchange;
pub mod filling;
mod founding;
mod guests;
mod inbox_door;
mod inbox_sender;
mod intake;
mod lingering;
pub mod moving;
mod operator;
mod places;
pub mod rotating;
pub mod sandboxed;
mod signals;
mod tests_sent;
mod threads;
mod vetting;
mod welcome;

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::api::ApiState;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, DatabaseUrl, SecretText};
use crate::dashboard::{self, Site};
use crate::domain::key::{RandomnessUnavailable, Scope};
use crate::domain::own_names::OwnNames;
use crate::domain::target::{Target, TargetPolicy};
use crate::engine::Engine;
use crate::engine::sender::{HttpSender, SenderSettings, SenderSetupError};
use crate::engine::transformer::Transformer;
use crate::ops::{Access, Inboxes, Operations};
use crate::store::{
    DataDirectory, DataDirectoryError, Database, MASTER_KEY_BYTES, MasterKey, MasterKeys, Seat, Store, StoreError,
    Vault, parse_master_keys,
};
use crate::telemetry::Metrics;
use answer::Front;
use inbox_sender::InboxSender;
use operator::Operator;
use places::Places;
use signals::Signals;
use tests_sent::EngineTests;
use threads::Threads;
use welcome::Welcome;

/// What runs, also after its file was replaced by a newer one.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Why the server did not come to serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory can't be used.
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    /// The store can't be used.
    #[error("cannot open the store: {0}")]
    Store(#[from] StoreError),
    /// Nothing can be served there.
    #[error("cannot listen on {address}: {error}; choose another address with --listen or CORNET_LISTEN")]
    Listen {
        /// Where it was to serve.
        address: SocketAddr,
        /// What the machine said.
        error: std::io::Error,
    },
    /// Nothing can be sent.
    #[error("cannot set up sending: {0}")]
    Sender(#[from] SenderSetupError),
    /// Nothing secret can be made.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// The machine refused something else.
    #[error("the machine refused: {0}")]
    Machine(#[from] std::io::Error),
}

/// Who is told that the server serves.
#[derive(Debug)]
pub enum Told {
    /// Whoever started it: where it is, and how to get in.
    Operator,
    /// The program that started it, which tells people itself: the address that is listened on.
    Program(oneshot::Sender<SocketAddr>),
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight. A second signal ends the process at once.
///
/// # Errors
/// When the server can't be started; nothing is accepted then.
pub fn serve(config: Config, told: Told) -> Result<(), ServeError> {
    Threads::start()?.run(|sending| serve_here(config, told, sending))
}

/// Serves on the threads that run this, and sends on those of `sending`.
async fn serve_here(config: Config, told: Told, sending: Handle) -> Result<(), ServeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let metrics = Arc::new(Metrics::default());
    let mut signals = Signals::new()?;
    keep_to_itself()?;
    let mut directory = DataDirectory::hold(&config.data_dir)?;
    // The port is taken before anything is made, so a first start that fails can be repeated.
    let listening = |error| ServeError::Listen { address: config.listen, error };
    let listener = connections::listen(config.listen).map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    directory.describe(&format!("process {}, listening on {address}, since {}", std::process::id(), clock.now()))?;

    let vault = Vault::of(&master_keys(&config, &directory)?)?;
    let database = database(&config)?.seated(seat(&config, &directory, address)?);
    // A server takes its time to let us in.
    let opening = {
        let (clock, metrics) = (clock.clone(), metrics.clone());
        move || Store::open(database, vault, clock, metrics)
    };
    let (store, feed) = tokio::task::spawn_blocking(opening).await.map_err(std::io::Error::other)??;
    let public = config.public_url.as_ref().and_then(|url| Target::parse(url.as_str()).ok());
    let policy = config.target_policy.clone().refusing_own(own_addresses(address)).refusing_public(public.as_ref());
    let random = fastrand::Rng::with_seed(seed()?);
    let has_terminal = matches!(told, Told::Operator) && std::io::stderr().is_terminal();
    let key = founding::found(&store, &config, !has_terminal).await?;
    let welcome = Welcome::new(address, config.public_url.as_ref(), key);
    let inboxes = Arc::new(Inboxes::new(store.clone(), &welcome.base_url()));
    let sender = Arc::new(sender(&config, policy.clone(), clock.clone(), inboxes.clone())?);

    let transformer = Arc::new(Transformer::new(THIS_PROGRAM.into(), clock.clone(), metrics.clone()));
    let tests = EngineTests { store: store.clone(), sender: sender.clone(), transformer: transformer.clone() };
    let engine = {
        let _on = sending.enter();
        Engine::start(store.clone(), feed, sender, clock.clone(), metrics.clone(), transformer, random)
    };
    let draining = CancellationToken::new();
    let operations = Operations::new(store.clone(), Arc::new(policy)).with_test_sender(Arc::new(tests));
    let operations = Arc::new(operations.with_inboxes(inboxes.clone()).with_quotas(config.quotas));
    let welcome = with_link(welcome, &operations, &store, has_terminal).await;
    let names = OwnNames::new(config.public_url.as_ref().and_then(|url| url.host_str()));
    let frame_ancestors = config.portal_frame_ancestors.clone();
    let site = Site::new(welcome.base_url(), names.clone(), frame_ancestors, draining.clone());
    let operator = Operator::new(store.clone(), metrics.clone(), clock.clone(), draining.clone());
    let api = ApiState::new(operations.clone(), metrics.clone(), &welcome.base_url());
    let router = api::router(api.clone())
        .merge(operator::router(operator))
        .merge(dashboard::router(operations, site))
        .merge(inbox_door::router(inboxes));
    let connections_max = connections::connections_max(config.connections_max);
    let places = Places::new(connections_max);
    let front = Arc::new(Front::new(router, api, names, clock.clone(), places.clone()));
    let serving = tokio::spawn(connections::serve(listener, front, places, connections_max, draining.clone()));
    welcome.say(connections_max);
    if let Told::Program(program) = told {
        // One that does not wait for it any more needs no telling.
        program.send(address).ok();
    }

    signals.next().await;
    tracing::info!(grace_seconds = config.grace.as_secs(), "stopping; a second signal ends at once");
    signals.exit_at_the_next();
    // From here on `/readyz` fails and nobody can connect any more.
    draining.cancel();
    stop(serving, engine, store, &*clock, config.grace).await;
    tracing::info!("stopped");
    Ok(())
}

/// Lets this process share neither what it writes nor its memory with others, and take no more of it than it uses.
fn keep_to_itself() -> std::io::Result<()> {
    // Whatever is written from here on, by SQLite too, is for its owner only (THREATS L08).
    rustix::process::umask(Mode::from_raw_mode(0o077));
    // A dump of the memory would hold every key in plain (THREATS K10).
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // An idle server keeps 29 MB instead of 41, and a busy one is as fast. A kernel without large pages has nothing to refuse.
    rustix::thread::disable_transparent_huge_pages(true).ok();
    Ok(())
}

/// The welcome with a link that signs the operator in, where one may be shown. Without it the server serves as well.
async fn with_link(welcome: Welcome, operations: &Operations, store: &Store, has_terminal: bool) -> Welcome {
    let Some(life) = welcome.link_life(has_terminal) else {
        return welcome;
    };
    let Ok(Some(environment_id)) = store.default_environment().await else {
        return welcome;
    };
    let access = Access::new(environment_id, Scope::Admin);
    match operations.create_operator_code(&access, life).await {
        Ok(code) => welcome.with_code(&code),
        Err(error) => {
            tracing::warn!(%error, "there is no link to sign in with");
            welcome
        }
    }
}

/// Ends what takes work in before what does it, and the store last, so that everything can still be recorded.
async fn stop(
    serving: tokio::task::JoinHandle<connections::Open>,
    engine: Engine,
    store: Arc<Store>,
    clock: &dyn Clock,
    grace: Duration,
) {
    let began = clock.monotonic();
    let left = || grace.saturating_sub(clock.monotonic().saturating_sub(began));
    // Both at once, or a slow client would use up the time of the attempts in flight. What is accepted meanwhile is
    // durable and is sent after the next start.
    let clients = async {
        match serving.await {
            Ok(open) => open.finish(left()).await,
            Err(_) => false,
        }
    };
    let (answered, sent) = tokio::join!(clients, engine.stop(left()));
    if !answered {
        tracing::warn!("clients that were still being answered are cut off");
    }
    if !sent {
        tracing::warn!("attempts still in flight are given up; they are made again after the next start");
    }
    // Closing waits for the disk.
    if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
        tracing::error!("the store was not closed");
    }
}

/// Where the store is: as the setting says, or in the data directory.
fn database(config: &Config) -> Result<Database, ServeError> {
    match &config.database {
        None => Ok(Database::File(DataDirectory::database_in(&config.data_dir))),
        Some(DatabaseUrl::Sqlite(path)) => Ok(Database::File(path.clone())),
        Some(DatabaseUrl::Postgres(url)) => Database::server(url.reveal(), config.allow_unsafe_database)
            .map_err(|why| ConfigError::new("CORNET_DATABASE_URL", why).into()),
    }
}

/// Where this process sits among those that share a database. Its place is the data directory, of which it holds the lock.
fn seat(config: &Config, directory: &DataDirectory, address: SocketAddr) -> Result<Seat, ServeError> {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let place = directory.place()?.unwrap_or_default();
    Ok(Seat { name: format!("{machine}:{}", address.port()), place, lease: config.lease })
}

/// The keys that seal the secrets in the store: from their variables, or from the file in the data directory.
fn master_keys(config: &Config, directory: &DataDirectory) -> Result<MasterKeys, ServeError> {
    let keys = match &config.master_key {
        None => directory.master_keys()?,
        Some(text) => MasterKeys::only(given_master_key("CORNET_MASTER_KEY", text)?),
    };
    Ok(old_and_next(keys, config)?)
}

/// The same with those before and after them that variables hold.
fn old_and_next(keys: MasterKeys, config: &Config) -> Result<MasterKeys, ConfigError> {
    let mut old = keys.old;
    if let Some(text) = &config.old_master_keys {
        old.extend(given_master_keys("CORNET_OLD_MASTER_KEYS", text)?);
    }
    let next = config.next_master_key.as_ref().map(|text| given_master_key("CORNET_NEXT_MASTER_KEY", text));
    Ok(MasterKeys { old, next: next.transpose()?, ..keys })
}

fn given_master_keys(variable: &str, text: &SecretText) -> Result<Vec<MasterKey>, ConfigError> {
    let why = format!("it is not base64 of {MASTER_KEY_BYTES} bytes; make one with `openssl rand -base64 32`");
    parse_master_keys(text.reveal()).ok_or_else(|| ConfigError::new(variable, why))
}

/// The one key that a variable holds.
fn given_master_key(variable: &str, text: &SecretText) -> Result<MasterKey, ConfigError> {
    let mut keys = given_master_keys(variable, text)?;
    match keys.pop() {
        Some(key) if keys.is_empty() => Ok(key),
        _ => Err(ConfigError::new(variable, "it holds more than one key; old ones are in CORNET_OLD_MASTER_KEYS")),
    }
}

/// Who sends deliveries and tests: over HTTP, but to the inboxes of this server directly.
fn sender(
    config: &Config,
    policy: TargetPolicy,
    clock: Arc<dyn Clock>,
    inboxes: Arc<Inboxes>,
) -> Result<InboxSender<HttpSender>, SenderSetupError> {
    let deadline = config.request_timeout;
    let settings = SenderSettings { deadline, keeps_bodies: config.keep_answer_bodies, ..SenderSettings::default() };
    let elsewhere = HttpSender::new(settings, policy, clock.clone())?;
    Ok(InboxSender { inboxes, elsewhere, clock, deadline })
}

/// Where this server can be reached on its machine; deliveries must not come back to it.
fn own_addresses(listening: SocketAddr) -> Vec<SocketAddr> {
    if !listening.ip().is_unspecified() {
        return vec![listening];
    }
    let own: [IpAddr; 3] = [listening.ip(), Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    own.map(|address| SocketAddr::new(address, listening.port())).to_vec()
}

/// Where chance begins: every start has other jitter.
fn seed() -> Result<u64, RandomnessUnavailable> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| RandomnessUnavailable)?;
    Ok(u64::from_le_bytes(bytes))
}
