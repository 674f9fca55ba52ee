//! What every scenario stands on: the receiver, servers and relays that are started for a run, what is posted to them,
//! and what a run came to. It does not know which runs there are, or what they are held against.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::load::Posted;
use super::postgres::Cluster;
use super::process::{Folder, Part, Process, Server};
use super::progress::Progress;
use super::receiver::{Arrivals, Ask, Listening};
use super::{Plan, filling, load, receiver, relay};
use crate::cli::client::Client;
use crate::domain::key;
use crate::domain::secret::EndpointSecret;

/// The application that every store has.
const APPLICATION: &str = "default";
/// The file of the master key in a data directory.
const MASTER_KEY: &str = "master.key";
/// How often it is looked whether all has arrived.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long nothing may arrive while something is missing.
const STILL_MAX: Duration = Duration::from_secs(20);
/// By then outcomes that had gathered are written, so that their cost is counted.
const RECORDED_BY: Duration = Duration::from_millis(100);
/// What part of the messages of a rate must have been posted in time.
const RATE_KEPT: f64 = 0.99;
/// What part of a run's time is spent on warming up before it.
const WARM_UP: f64 = 0.1;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    RawRelay,
    /// It answers only for what it has written and synced.
    RelayWithLog,
    /// With its store in a file.
    Cornet,
    /// So many nodes with their store in a PostgreSQL server of the benchmark's own.
    CornetOnPostgres(usize),
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Deliveries a second, from the first post to the last arrival.
    pub(super) rate: f64,
    /// CPU time of the server for each delivery, and of its database if that is one, in microseconds.
    pub(super) cpu_us: f64,
    /// From the post to the arrival, in milliseconds.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// A server or a relay that runs, with endpoints that messages go to.
pub(super) struct Contestant {
    running: Running,
    /// The other nodes, if it has any; they go with their store.
    others: Vec<Server>,
    target: load::Target,
    /// Deliveries that each message makes to endpoints that count.
    endpoints: u64,
    // After the process, and the folder last, so that nobody writes into it while it goes.
    database: Option<Cluster>,
    folder: Option<Folder>,
}

enum Running {
    Relay(Part),
    Cornet(Server),
}

impl Contestant {
    /// What it costs.
    pub(super) fn process(&self) -> &Process {
        match &self.running {
            Running::Relay(part) => &part.process,
            Running::Cornet(server) => &server.process,
        }
    }

    /// The address that it is asked at.
    fn address(&self) -> anyhow::Result<SocketAddr> {
        self.target.addresses.first().copied().context("nobody is there to be asked")
    }

    /// What its servers warned of first, and what its database said last.
    fn warnings(&self) -> String {
        let first = match &self.running {
            Running::Cornet(server) => Some(server),
            Running::Relay(_) => None,
        };
        let nodes = first.into_iter().chain(&self.others).map(Server::warnings);
        nodes.chain(self.database.as_ref().map(Cluster::said_last)).collect::<Vec<_>>().join("\n")
    }

    /// The CPU time that it has used so far, with its other nodes' and its database's.
    fn cpu(&self) -> anyhow::Result<Duration> {
        let database = self.database.as_ref().map(Cluster::cpu).transpose()?;
        let others = self.others.iter().map(|node| node.process.cpu()).sum::<anyhow::Result<Duration>>()?;
        Ok(self.process().cpu()? + others + database.unwrap_or_default())
    }

    /// Ends a server at once, as a power cut would.
    pub(super) async fn kill(self) -> anyhow::Result<()> {
        for node in self.others {
            node.kill().await?;
        }
        match self.running {
            Running::Cornet(server) => server.kill().await,
            Running::Relay(part) => part.end().await,
        }
    }

    /// Ends it, and waits until it has.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        match self.running {
            Running::Cornet(server) if self.folder.is_none() => server.finish().await,
            // What it wrote goes anyway.
            _ => self.kill().await,
        }
    }
}

/// The data directory of a node whose store is in this folder.
fn node_dir(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("node-{number}"))
}

/// The receiver, in its process.
struct Receiver {
    part: Part,
    address: SocketAddr,
}

impl Receiver {
    async fn start(orders: &receiver::Orders) -> anyhow::Result<Self> {
        let mut part = Part::start("receiver", orders).await?;
        let Listening { address } = part.hear().await?;
        Ok(Self { part, address })
    }
}

/// The stage of a benchmark.
pub(super) struct Stage {
    pub(super) plan: Plan,
    pub(super) progress: Progress,
    receiver: Receiver,
    key: String,
    secret: String,
    /// A port that nobody listens on, for as long as this is kept.
    dead: tokio::net::TcpSocket,
    folders_made: u32,
    folder: Folder,
}

impl Stage {
    /// A stage whose stores are in this folder.
    pub(super) async fn new(plan: Plan, folder: Folder, progress: Progress) -> anyhow::Result<Self> {
        let dead = tokio::net::TcpSocket::new_v4()?;
        dead.bind((std::net::Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            plan,
            progress,
            receiver: Receiver::start(&receiver::Orders::default()).await?,
            key: key::generate()?,
            secret: EndpointSecret::generate_hmac().to_text().to_string(),
            dead,
            folders_made: 0,
            folder,
        })
    }

    /// From now on the receiver checks every signature.
    pub(super) async fn verify(&mut self) -> anyhow::Result<()> {
        self.receiver = Receiver::start(&receiver::Orders { secret: Some(self.secret.clone()) }).await?;
        Ok(())
    }

    /// The URL of an endpoint that takes messages at once.
    pub(super) fn ok_url(&self, number: usize) -> String {
        format!("http://{}/ok/{number}", self.receiver.address)
    }

    /// The URL of an endpoint that answers late.
    pub(super) fn slow_url(&self, number: usize) -> String {
        format!("http://{}/slow/{number}", self.receiver.address)
    }

    /// The URL of an endpoint that never answers.
    pub(super) fn hanging_url(&self, number: usize) -> String {
        format!("http://{}/hang/{number}", self.receiver.address)
    }

    /// The URL of an endpoint where nobody listens.
    pub(super) fn dead_url(&self, number: usize) -> anyhow::Result<String> {
        Ok(format!("http://{}/dead/{number}", self.dead.local_addr()?))
    }

    /// A folder for a store.
    pub(super) fn folder(&mut self) -> anyhow::Result<Folder> {
        self.folders_made += 1;
        Folder::new(self.folder.path(), &format!("store-{}", self.folders_made))
    }

    /// One of these with so many endpoints, and with an empty store if it has one.
    pub(super) async fn fresh(&mut self, kind: Kind, endpoints: usize) -> anyhow::Result<Contestant> {
        let count = u64::try_from(endpoints)?;
        let urls: Vec<String> = (0..endpoints).map(|number| self.ok_url(number)).collect();
        if kind == Kind::RawRelay {
            return self.relay(urls, None).await;
        }
        let folder = self.folder()?;
        if kind == Kind::RelayWithLog {
            return self.relay(urls, Some(folder)).await;
        }
        let database = match kind {
            Kind::CornetOnPostgres(_) => Some(Cluster::start(&folder.path().join("postgres")).await?),
            _ => None,
        };
        // Not the folder itself: a server lets nobody else into its own, and the database is run by somebody else.
        let data_dir = node_dir(folder.path(), 0);
        let mut contestant = self.serve(&data_dir, database, count).await?;
        if let Kind::CornetOnPostgres(nodes) = kind {
            for number in 1..nodes {
                self.add_node(&mut contestant, folder.path(), number).await?;
            }
        }
        contestant.folder = Some(folder);
        for url in urls {
            self.register(&contestant, APPLICATION, &url).await?;
        }
        Ok(contestant)
    }

    /// A relay to these endpoints; with a log if there is a folder for it.
    async fn relay(&self, endpoints: Vec<String>, folder: Option<Folder>) -> anyhow::Result<Contestant> {
        let count = u64::try_from(endpoints.len())?;
        let log = folder.as_ref().map(|folder| folder.path().join("log"));
        let mut part = Part::start("relay", &relay::Orders { endpoints, secret: self.secret.clone(), log }).await?;
        let Listening { address } = part.hear().await?;
        let target = load::Target { addresses: vec![address], path: "/".to_owned(), key: None };
        let running = Running::Relay(part);
        Ok(Contestant { running, others: Vec::new(), target, endpoints: count, database: None, folder })
    }

    /// A server on a store that is there already, with so many endpoints that take messages.
    pub(super) async fn on(&self, data_dir: PathBuf, endpoints: u64) -> anyhow::Result<Contestant> {
        self.serve(&data_dir, None, endpoints).await
    }

    async fn serve(&self, data_dir: &Path, database: Option<Cluster>, endpoints: u64) -> anyhow::Result<Contestant> {
        let server = Server::start(data_dir, database.as_ref().map(Cluster::url), &self.key).await?;
        let target = self.target(vec![server.address], APPLICATION);
        let running = Running::Cornet(server);
        Ok(Contestant { running, others: Vec::new(), target, endpoints, database, folder: None })
    }

    /// Starts another node on the same database, with the same master key.
    async fn add_node(&self, contestant: &mut Contestant, folder: &Path, number: usize) -> anyhow::Result<()> {
        let [first, data_dir] = [0, number].map(|number| node_dir(folder, number));
        std::fs::DirBuilder::new().mode(0o700).create(&data_dir)?;
        std::fs::copy(first.join(MASTER_KEY), data_dir.join(MASTER_KEY))?;
        let database_url = contestant.database.as_ref().map(Cluster::url);
        let node = Server::start(&data_dir, database_url, &self.key).await?;
        contestant.target.addresses.push(node.address);
        contestant.others.push(node);
        Ok(())
    }

    fn target(&self, addresses: Vec<SocketAddr>, application: &str) -> load::Target {
        load::Target { addresses, path: format!("/api/v1/app/{application}/msg"), key: Some(self.key.clone()) }
    }

    /// Asks a server's API for something.
    async fn ask(&self, contestant: &Contestant, method: Method, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        let server = Url::parse(&format!("http://{}", contestant.address()?))?;
        let path = [&["api", "v1", "app"], path].concat();
        let answer = Client::with_key(server, &self.key)?.answer(method, &path, body.to_string()).await?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Looks something of the application up that every store has.
    pub(super) async fn look_up(&self, contestant: &Contestant, path: &[&str]) -> anyhow::Result<Value> {
        self.ask(contestant, Method::GET, &[&[APPLICATION], path].concat(), &Value::Null).await
    }

    /// Registers an endpoint; its id.
    pub(super) async fn register(
        &self,
        contestant: &Contestant,
        application: &str,
        url: &str,
    ) -> anyhow::Result<String> {
        self.register_as(contestant, application, &json!({"url": url, "secret": self.secret})).await
    }

    /// Registers an endpoint that wants nothing but messages of this type; its id.
    pub(super) async fn register_for(
        &self,
        contestant: &Contestant,
        application: &str,
        url: &str,
        event_type: &str,
    ) -> anyhow::Result<String> {
        let endpoint = json!({"url": url, "secret": self.secret, "eventTypes": [event_type]});
        self.register_as(contestant, application, &endpoint).await
    }

    async fn register_as(
        &self,
        contestant: &Contestant,
        application: &str,
        endpoint: &Value,
    ) -> anyhow::Result<String> {
        let made = self.ask(contestant, Method::POST, &[application, "endpoint"], endpoint).await?;
        made["id"].as_str().map(str::to_owned).context("an endpoint has no id")
    }

    /// Makes another application beside the one that every store has.
    pub(super) async fn make_application(&self, contestant: &Contestant, uid: &str) -> anyhow::Result<()> {
        self.ask(contestant, Method::POST, &[], &json!({"name": uid, "uid": uid})).await.map(drop)
    }

    /// The id of the application that every store has.
    pub(super) async fn application(&self, contestant: &Contestant) -> anyhow::Result<String> {
        let found = self.ask(contestant, Method::GET, &[APPLICATION], &Value::Null).await?;
        found["id"].as_str().map(str::to_owned).context("an application has no id")
    }

    /// Fills a store that no server runs on.
    pub(super) async fn fill(
        &self,
        data_dir: PathBuf,
        (application, endpoint): (String, String),
        messages: u64,
        state: filling::State,
    ) -> anyhow::Result<()> {
        let payload_bytes = self.plan.payload_bytes;
        let orders = filling::Orders { data_dir, application, endpoint, messages, payload_bytes, state };
        let mut part = Part::start("fill", &orders).await?;
        part.hear::<filling::Filled>().await?;
        part.end().await
    }

    /// What has arrived.
    pub(super) async fn arrivals(&mut self, ask: Ask) -> anyhow::Result<Arrivals> {
        self.receiver.part.tell(&ask).await?;
        self.receiver.part.hear().await
    }

    /// Waits until so much has arrived.
    pub(super) async fn wait_for(&mut self, count: u64) -> anyhow::Result<()> {
        let (mut arrived, mut still) = (0, Duration::ZERO);
        loop {
            let now = self.arrivals(Ask::Look).await?.count;
            if now >= count {
                return Ok(());
            }
            still = if now > arrived { Duration::ZERO } else { still + LOOK_AGAIN };
            if still > STILL_MAX {
                bail!("{now} of {count} deliveries arrived, and then none for {} s", STILL_MAX.as_secs());
            }
            arrived = now;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Begins to post to another application of a contestant at a rate, beside what is measured.
    pub(super) async fn post_beside(
        &self,
        contestant: &Contestant,
        application: &str,
        rate: f64,
        duration: Duration,
    ) -> anyhow::Result<Part> {
        let target = self.target(contestant.target.addresses.clone(), application);
        let payload_bytes = self.plan.payload_bytes;
        Part::start("load", &load::Orders { target, connections: 1, duration, rate: Some(rate), payload_bytes }).await
    }

    async fn post(&mut self, contestant: &Contestant, rate: Option<f64>, duration: Duration) -> anyhow::Result<Posted> {
        let Plan { connections, payload_bytes, .. } = self.plan;
        let target = contestant.target.clone();
        let mut part =
            Part::start("load", &load::Orders { target, connections, duration, rate, payload_bytes }).await?;
        let posted: Posted = part.hear().await?;
        part.end().await?;
        if let Some(refusal) = posted.refusal {
            let (refused, accepted) = (posted.refused, posted.accepted);
            let warnings = contestant.warnings();
            bail!(
                "{refused} messages were refused beside {accepted} that were accepted, the first with {refusal}\n{warnings}"
            );
        }
        if posted.accepted == 0 {
            bail!("no message was answered");
        }
        let planned = rate.unwrap_or_default() * duration.as_secs_f64();
        if (posted.accepted as f64) < planned * RATE_KEPT {
            bail!("{} messages were posted where {planned:.0} should have been", posted.accepted);
        }
        self.wait_for(posted.accepted * contestant.endpoints).await?;
        Ok(posted)
    }

    /// Measures a contestant for the time of a run.
    pub(super) async fn measure(&mut self, contestant: &Contestant, rate: Option<f64>) -> anyhow::Result<Measured> {
        self.measure_for(self.plan.duration, contestant, rate).await
    }

    /// Posts to a contestant, at a rate or as fast as it answers, and waits until everything has arrived.
    pub(super) async fn measure_for(
        &mut self,
        duration: Duration,
        contestant: &Contestant,
        rate: Option<f64>,
    ) -> anyhow::Result<Measured> {
        self.arrivals(Ask::Take).await?;
        self.post(contestant, rate, duration.mul_f64(WARM_UP)).await?;
        tokio::time::sleep(RECORDED_BY).await;
        self.arrivals(Ask::Take).await?;
        let cpu_before = contestant.cpu()?;
        let posted = self.post(contestant, rate, duration).await?;
        tokio::time::sleep(RECORDED_BY).await;
        let cpu = contestant.cpu()?.saturating_sub(cpu_before);
        let arrivals = self.arrivals(Ask::Take).await?;
        let expected = posted.accepted * contestant.endpoints;
        if arrivals.count > expected {
            bail!("{} deliveries arrived of {expected}: some were repeated", arrivals.count);
        }
        if arrivals.unsigned > 0 {
            bail!("{} of {} deliveries were not signed as they must be", arrivals.unsigned, arrivals.count);
        }
        let count = arrivals.count as f64;
        Ok(Measured {
            rate: count / arrivals.last.saturating_sub(posted.began).as_secs_f64(),
            cpu_us: cpu.as_secs_f64() * 1e6 / count,
            p50_ms: arrivals.p50_ms,
            p99_ms: arrivals.p99_ms,
        })
    }

    /// One run of one of them with so many endpoints, from its start to its end.
    pub(super) async fn run(&mut self, kind: Kind, endpoints: usize, rate: Option<f64>) -> anyhow::Result<Measured> {
        let contestant = self.fresh(kind, endpoints).await?;
        let measured = self.measure(&contestant, rate).await?;
        contestant.end().await?;
        Ok(measured)
    }
}
