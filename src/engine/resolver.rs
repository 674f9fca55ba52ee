//! The one place that asks name servers for addresses. It does not judge what it finds; that is
//! `crate::domain::target`'s, and it is asked once per connection, so an answer cannot change in between (THREATS B01).

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{TokioResolver, system_conf};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::domain::attempt::{AttemptError, AttemptErrorCode};

/// How long a lookup may take, waiting for its turn included (THREATS B06).
const LOOKUP_BUDGET: Duration = Duration::from_secs(5);

/// How long one question to one name server may take, so that a second one gets its chance within the budget.
const QUESTION_BUDGET: Duration = Duration::from_secs(2);

/// How many lookups run at once, so that dead name servers cannot use up the sockets (THREATS B11).
const LOOKUPS_AT_ONCE_MAX: usize = 256;

/// How long an address is remembered at most, and how long that there is none (THREATS B12).
const POSITIVE_TTL_MAX: Duration = Duration::from_secs(300);
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(30);

/// How many answers are remembered.
const CACHED_ANSWERS_MAX: u64 = 16_384;

/// A lookup under way.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, AttemptError>> + Send + 'a>>;

/// Finds all addresses of a host name; tests put fixed answers in its place.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of `name`, in the order to try them. Fails with `dns_error` or `dns_timeout`.
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a>;
}

/// The resolver that asks the name servers of `/etc/resolv.conf`, after `/etc/hosts`.
pub struct DnsResolver {
    names: TokioResolver,
    turns: Semaphore,
    budget: Duration,
}

impl DnsResolver {
    /// Reads the machine's configuration. A machine without name servers gets a resolver that knows `/etc/hosts` only.
    /// Fails when the resolver cannot be built, with the reason in words.
    pub fn from_system() -> Result<Self, String> {
        let (config, options) = system_conf::read_system_conf().unwrap_or_else(|error| {
            tracing::warn!(%error, "no name servers found; only names in /etc/hosts can be delivered to");
            (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default())
        });
        Self::new(config, options, LOOKUP_BUDGET)
    }

    fn new(config: ResolverConfig, mut options: ResolverOpts, budget: Duration) -> Result<Self, String> {
        options.timeout = QUESTION_BUDGET;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = ResolveHosts::Always;
        options.cache_size = CACHED_ANSWERS_MAX;
        options.positive_max_ttl = Some(POSITIVE_TTL_MAX);
        options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
        let names = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { names, turns: Semaphore::new(LOOKUPS_AT_ONCE_MAX), budget })
    }

    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, AttemptError> {
        let failed = |reason: String| AttemptError::new(AttemptErrorCode::DnsError, reason);
        let mut question = Name::from_ascii(name).map_err(|_| failed(format!("`{name}` is not a host name")))?;
        // A complete name is never tried with the machine's search domains (THREATS B08).
        question.set_fqdn(true);
        let _turn = self.turns.acquire().await;
        match self.names.lookup_ip(question).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(NetError::Timeout) => Err(timed_out(name)),
            Err(error) if error.is_nx_domain() => Err(failed(format!("the name `{name}` does not exist"))),
            Err(error) if error.is_no_records_found() => Err(failed(format!("the name `{name}` has no address"))),
            Err(error) => {
                tracing::warn!(name, %error, "a name lookup failed");
                Err(failed(format!("the name servers could not answer for `{name}`")))
            }
        }
    }
}

impl Resolver for DnsResolver {
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Box::pin(async move { timeout(self.budget, self.ask(name)).await.unwrap_or_else(|_| Err(timed_out(name))) })
    }
}

fn timed_out(name: &str) -> AttemptError {
    AttemptError::new(AttemptErrorCode::DnsTimeout, format!("the name servers did not answer for `{name}` in time"))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::sync::{Arc, Mutex};

    use hickory_resolver::config::NameServerConfig;
    use hickory_resolver::net::NoRecords;
    use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode};
    use hickory_resolver::proto::rr::rdata::CNAME;
    use hickory_resolver::proto::rr::{RData, Record, RecordType};
    use hickory_resolver::{ResponseCache, TtlConfig};
    use tokio::net::UdpSocket;

    use super::*;

    /// A name server on loopback: it knows the addresses of `known.test`, its alias `alias.test` and `fleeting.test`, stays silent about `silent.test`, refuses
    /// `broken.test`, denies the rest, and remembers what it was asked.
    async fn name_server() -> (DnsResolver, Arc<Mutex<Vec<String>>>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections[0].port = socket.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let query = question.queries[0].clone();
                log.lock().unwrap().push(query.name().to_string());
                let mut answer = question.into_response();
                let data = match query.query_type() {
                    RecordType::A => RData::A(Ipv4Addr::new(93, 184, 216, 34).into()),
                    _ => RData::AAAA(Ipv6Addr::LOCALHOST.into()),
                };
                match query.name().to_string().as_str() {
                    "known.test." => drop(answer.add_answer(Record::from_rdata(query.name().clone(), 60, data))),
                    "fleeting.test." => drop(answer.add_answer(Record::from_rdata(query.name().clone(), 0, data))),
                    "alias.test." => {
                        let target = Name::from_ascii("known.test.").unwrap();
                        let alias = RData::CNAME(CNAME(target.clone()));
                        answer.add_answer(Record::from_rdata(query.name().clone(), 60, alias));
                        answer.add_answer(Record::from_rdata(target, 60, data));
                    }
                    name if name.ends_with("silent.test.") => continue,
                    "broken.test." => answer.metadata.response_code = ResponseCode::ServFail,
                    _ => answer.metadata.response_code = ResponseCode::NXDomain,
                }
                socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
            }
        });
        let search = vec![Name::from_ascii("cluster.local.").unwrap()];
        let config = ResolverConfig::from_parts(None, search, vec![server]);
        (DnsResolver::new(config, ResolverOpts::default(), Duration::from_millis(300)).unwrap(), asked)
    }

    #[tokio::test]
    async fn both_families_are_found_and_remembered() {
        let (resolver, asked) = name_server().await;
        let expected: Vec<IpAddr> = vec![[93, 184, 216, 34].into(), Ipv6Addr::LOCALHOST.into()];
        assert_eq!(resolver.lookup("known.test").await, Ok(expected.clone()));
        assert_eq!(resolver.lookup("known.test").await, Ok(expected));
        assert_eq!(asked.lock().unwrap().as_slice(), ["known.test.", "known.test."]);
    }

    /// THREATS B12: what is not to be remembered is asked for each time.
    #[tokio::test]
    async fn an_answer_for_no_time_is_not_remembered() {
        let (resolver, asked) = name_server().await;
        for lookups in 1..=3 {
            assert_eq!(resolver.lookup("fleeting.test").await.map(|found| found.len()), Ok(2));
            assert_eq!(asked.lock().unwrap().len(), 2 * lookups, "one question for each family");
        }
    }

    /// THREATS B12: at the ends of the times.
    #[tokio::test]
    async fn answers_are_remembered_for_their_times_and_no_longer() {
        let (resolver, _) = name_server().await;
        let cache = ResponseCache::new(2, TtlConfig::from_opts(resolver.names.options()));
        // The memory is told the time; any will do.
        let now = tokio::time::sleep(Duration::ZERO).deadline().into_std();
        let name = Name::from_ascii("lasting.test.").unwrap();
        let (known, unknown) =
            (Query::query(name.clone(), RecordType::A), Query::query(name.clone(), RecordType::AAAA));
        let mut answer = Message::response(0, OpCode::Query);
        answer.add_answer(Record::from_rdata(name, 86_400, RData::A(Ipv4Addr::LOCALHOST.into())));
        cache.insert(known.clone(), Ok(answer), now);
        let mut nothing = NoRecords::new(unknown.clone(), ResponseCode::NXDomain);
        nothing.negative_ttl = Some(86_400);
        cache.insert(unknown.clone(), Err(nothing.into()), now);
        let is_kept = |query: &Query, seconds| cache.get(query, now + Duration::from_secs(seconds)).is_some();
        assert_eq!([299, 300, 301].map(|seconds| is_kept(&known, seconds)), [true, true, false]);
        assert_eq!([29, 30, 31].map(|seconds| is_kept(&unknown, seconds)), [true, true, false]);
    }

    #[tokio::test]
    async fn an_alias_is_the_addresses_at_its_end() {
        let (resolver, _) = name_server().await; // B04
        let expected: Vec<IpAddr> = vec![[93, 184, 216, 34].into(), Ipv6Addr::LOCALHOST.into()];
        assert_eq!(resolver.lookup("alias.test").await, Ok(expected));
    }

    /// THREATS B11: as many as want look up names that nobody answers for; the next name is found all the same.
    #[tokio::test]
    async fn names_that_nobody_answers_for_use_up_nothing() {
        let (resolver, asked) = name_server().await;
        let resolver = Arc::new(resolver);
        let silent = (0..2 * LOOKUPS_AT_ONCE_MAX).map(|number| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.lookup(&format!("n{number}.silent.test")).await })
        });
        for lookup in silent.collect::<Vec<_>>() {
            assert_eq!(lookup.await.unwrap().unwrap_err().code, AttemptErrorCode::DnsTimeout);
        }
        let names: std::collections::HashSet<String> = asked.lock().unwrap().iter().cloned().collect();
        // As the first are given up, the last may get a turn for a moment.
        assert!(names.len() <= LOOKUPS_AT_ONCE_MAX * 3 / 2, "{} names were asked for", names.len());
        assert!(resolver.lookup("known.test").await.is_ok());
    }

    #[tokio::test]
    async fn a_failed_lookup_says_how_it_failed_and_not_who_was_asked() {
        let (resolver, asked) = name_server().await;
        let missing = resolver.lookup("kubernetes").await.unwrap_err(); // B07
        assert_eq!(missing, AttemptError::new(AttemptErrorCode::DnsError, "the name `kubernetes` does not exist"));
        assert!(asked.lock().unwrap().iter().all(|name| name == "kubernetes."), "{asked:?}"); // B08
        let broken = resolver.lookup("broken.test").await.unwrap_err();
        assert_eq!((broken.code, broken.detail.contains("127.0.0.1")), (AttemptErrorCode::DnsError, false));
        let silent = resolver.lookup("silent.test").await.unwrap_err(); // B06
        assert_eq!(silent.code, AttemptErrorCode::DnsTimeout);
    }
}
