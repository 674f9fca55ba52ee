//! Where a delivery may go: the strict reading of an endpoint's URL, and the policy that keeps deliveries on the public
//! internet (THREATS part A). It looks nothing up; addresses that a name resolves to are handed in.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::{ParseError, Url};

use crate::domain::network::{self, LOOPBACK, Network, NetworkError};

/// The longest URL of an endpoint (THREATS A37).
pub const URL_BYTES_MAX: usize = 2048;

/// The longest host name (RFC 1035).
const HOST_BYTES_MAX: usize = 253;

/// The longest part of a host name between two dots (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;

/// The first port that ordinary programs may listen on; below it only 80 and 443 are web servers.
const UNPRIVILEGED_PORT_MIN: u16 = 1024;

/// Ports from [`UNPRIVILEGED_PORT_MIN`] on where no web server is: those that browsers block (WHATWG Fetch) and those
/// of databases and caches, which a crafted request could talk to (THREATS A35).
const REFUSED_PORTS: [u16; 33] = [
    1433, 1521, 1719, 1720, 1723, 2049, 2379, 2380, 3306, 3659, 4045, 4190, 5060, 5061, 5432, 6000, 6379, 6566, 6665,
    6666, 6667, 6668, 6669, 6679, 6697, 9042, 9200, 9300, 10080, 11211, 26257, 27017, 27018,
];

/// Names of the machine itself.
const LOOPBACK_NAMES: [&str; 6] =
    ["localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6", "ip6-localhost", "ip6-loopback"];

/// Names of the services that hand out a machine's credentials; no network that is open opens them (THREATS A40).
const METADATA_NAMES: [&str; 8] = [
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.platformequinix.com",
    "metadata.tencentyun.com",
];
/// Ends of names that exist only inside a network (RFC 6762 with its appendix G, RFC 8375, THREATS A40).
const INTERNAL_SUFFIXES: [&str; 11] = [
    ".corp",
    ".home",
    ".home.arpa",
    ".internal",
    ".intranet",
    ".lan",
    ".local",
    ".localdomain",
    ".localdomain6",
    ".private",
    ".svc",
];

/// The protocol of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The name in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port when a URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The host of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name in lower-case ASCII without the final dot.
    Name(Box<str>),
    /// An address, whichever way the URL spells it.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(address) => address.fmt(formatter),
        }
    }
}

/// An endpoint's URL, read once: kept as given for showing, and in the parts that each request uses.
#[derive(Clone, Debug)]
pub struct Target {
    given: Box<str>,
    scheme: Scheme,
    host: Host,
    port: u16,
    origin: Box<str>,
    path_and_query: Box<str>,
}

/// Why a URL cannot be an endpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The scheme is missing or not one that Cornet speaks.
    #[error("the URL must start with https:// (or http:// where plain HTTP is allowed)")]
    Scheme,
    /// A user name or password stands before the host.
    #[error("the URL holds a user name or password; remove it and set an authorization header on the endpoint")]
    Userinfo,
    /// The port is not one of a web server.
    #[error("the URL's port cannot receive webhooks; use 443, 80 or a port from 1024 up that is not another service's")]
    Port,
    /// There is a space, a control character or a line break.
    #[error("the URL holds a space or a control character; remove it or percent-encode it")]
    ControlCharacter,
    /// The host is neither a host name nor an IP address.
    #[error("the URL's host is not a valid host name or IP address; check its spelling")]
    Host,
    /// The URL is longer than [`URL_BYTES_MAX`].
    #[error("the URL is longer than {URL_BYTES_MAX} bytes; shorten it")]
    TooLong,
    /// The URL is malformed in another way.
    #[error("the URL is malformed; write it as https://host/path with forward slashes")]
    Invalid,
    /// The host is not on the public internet, and not in a network that the operator allows.
    #[error("the URL's host is not on the public internet; use a public host, or let the operator allow its network")]
    Forbidden,
}

impl TargetError {
    /// The stable name that the API answers with.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scheme => "url_scheme",
            Self::Userinfo => "url_userinfo",
            Self::Port => "url_port",
            Self::ControlCharacter => "url_control_char",
            Self::Host => "url_host",
            Self::TooLong => "url_too_long",
            Self::Invalid => "url_invalid",
            Self::Forbidden => "target_forbidden",
        }
    }
}

impl From<ParseError> for TargetError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::InvalidPort => Self::Port,
            ParseError::EmptyHost
            | ParseError::IdnaError
            | ParseError::InvalidIpv4Address
            | ParseError::InvalidIpv6Address
            | ParseError::InvalidDomainCharacter => Self::Host,
            _ => Self::Invalid,
        }
    }
}

impl Target {
    /// Reads an endpoint's URL, strictly: where browsers would repair, this refuses (THREATS A26–A38).
    pub fn parse(given: &str) -> Result<Self, TargetError> {
        let (scheme, authority) = check_spelling(given)?;
        if authority.contains('@') {
            return Err(TargetError::Userinfo);
        }
        let mut url = Url::parse(given)?;
        url.set_fragment(None);
        let port = url.port().unwrap_or(scheme.default_port());
        check_port(port)?;
        let host = match url.host().ok_or(TargetError::Host)? {
            url::Host::Domain(name) => Host::Name(check_name(name)?.into()),
            url::Host::Ipv4(address) => Host::Address(address.into()),
            url::Host::Ipv6(address) => Host::Address(address.into()),
        };
        let bracketed = match &host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
            host => host.to_string(),
        };
        let mut origin = format!("{}://{bracketed}", scheme.as_str());
        if port != scheme.default_port() {
            origin.push_str(&format!(":{port}"));
        }
        let path_and_query = url[url::Position::BeforePath..].into();
        Ok(Self { given: given.into(), scheme, host, port, origin: origin.into(), path_and_query })
    }

    /// The URL exactly as it was given.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The protocol.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, also when the URL leaves it to the scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as a request names them; without the port when it is the scheme's.
    pub fn authority(&self) -> &str {
        &self.origin[self.scheme.as_str().len() + "://".len()..]
    }

    /// Scheme, host and port: what a connection is for.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Path and query as a request names them; never empty, and without the fragment.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

/// Checks what the URL parser would silently repair; gives the scheme and the text between `://` and the path.
fn check_spelling(given: &str) -> Result<(Scheme, &str), TargetError> {
    if given.len() > URL_BYTES_MAX {
        return Err(TargetError::TooLong);
    }
    if given.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(TargetError::ControlCharacter);
    }
    let (scheme, rest) = given.split_once(':').ok_or(TargetError::Scheme)?;
    let scheme = [Scheme::Http, Scheme::Https]
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known.as_str()))
        .ok_or(TargetError::Scheme)?;
    let rest = rest.strip_prefix("//").ok_or(TargetError::Invalid)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match &rest[..end] {
        "" => Err(TargetError::Invalid),
        authority if authority.contains('\\') => Err(TargetError::Invalid),
        authority => Ok((scheme, authority)),
    }
}

fn check_port(port: u16) -> Result<(), TargetError> {
    let is_web = matches!(port, 80 | 443) || (port >= UNPRIVILEGED_PORT_MIN && !REFUSED_PORTS.contains(&port));
    if is_web { Ok(()) } else { Err(TargetError::Port) }
}

/// Checks a host name that the URL parser has already brought to lower-case ASCII; gives it without the final dot.
fn check_name(name: &str) -> Result<&str, TargetError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= HOST_BYTES_MAX && name.split('.').all(is_label) { Ok(name) } else { Err(TargetError::Host) }
}

/// Which targets are open: the public internet, and the networks that the operator allows besides.
#[derive(Clone, Debug, Default)]
pub struct TargetPolicy {
    allowed: Vec<Network>,
    own: Vec<SocketAddr>,
    public: Option<(Host, u16)>,
    https_only: bool,
}

impl TargetPolicy {
    /// Only the public internet.
    pub fn public_only() -> Self {
        Self::default()
    }

    /// The public internet and the networks of a comma-separated list, such as `10.1.0.0/16, ::1`. Empty entries are
    /// skipped, so an empty list is [`TargetPolicy::public_only`].
    pub fn allowing(networks: &str) -> Result<Self, NetworkError> {
        let entries = networks.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self { allowed: entries.map(str::parse).collect::<Result<_, _>>()?, ..Self::default() })
    }

    /// The same policy, refusing the addresses where Cornet itself listens, so that no delivery loops (THREATS A39).
    pub fn refusing_own(self, own: Vec<SocketAddr>) -> Self {
        Self { own, ..self }
    }

    /// The same policy, refusing where people reach this very server, too.
    pub fn refusing_public(self, public: Option<&Target>) -> Self {
        Self { public: public.map(|public| (public.host.clone(), public.port)), ..self }
    }

    /// The same policy, refusing plain HTTP (THREATS A30).
    pub fn https_only(self) -> Self {
        Self { https_only: true, ..self }
    }

    /// The networks that are open besides the public internet.
    pub fn allowed(&self) -> &[Network] {
        &self.allowed
    }

    /// Judges a target by what its URL says, before any name is looked up. A name that passes is judged again by the
    /// addresses that it resolves to, with [`TargetPolicy::vet`].
    pub fn check_literal(&self, target: &Target) -> Result<(), TargetError> {
        if self.https_only && target.scheme == Scheme::Http {
            return Err(TargetError::Scheme);
        }
        let is_public = |(host, port): &(Host, u16)| *host == target.host && *port == target.port;
        if self.public.as_ref().is_some_and(is_public) {
            return Err(TargetError::Forbidden);
        }
        let permitted = match &target.host {
            Host::Address(address) => self.permits_socket(SocketAddr::new(*address, target.port)),
            Host::Name(name) if METADATA_NAMES.contains(&&**name) => false,
            Host::Name(name) if is_loopback_name(name) => {
                let is_own = |own: &SocketAddr| own.port() == target.port && network::canonical(own.ip()).is_loopback();
                self.allowed.iter().any(|allowed| LOOPBACK.iter().any(|loopback| allowed.overlaps(loopback)))
                    && !self.own.iter().any(is_own)
            }
            // Inside a network that is open, a name looks as it likes; the address that it stands for decides.
            Host::Name(name) => !is_internal_name(name) || self.allowed.iter().any(reaches_beyond_the_machine),
        };
        if permitted { Ok(()) } else { Err(TargetError::Forbidden) }
    }

    /// Judges everything that `name` resolved to, and gives the addresses that may be connected to. One forbidden
    /// address refuses the whole name (THREATS B02), because an attacker chooses the order.
    pub fn vet(&self, name: &str, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, TargetError> {
        // Every machine resolves its own name in both families, while an operator may allow only one of them.
        if is_loopback_name(name) {
            addresses.retain(|address| self.permits_socket(*address));
        }
        let permitted = !addresses.is_empty() && addresses.iter().all(|address| self.permits_socket(*address));
        if permitted { Ok(addresses) } else { Err(TargetError::Forbidden) }
    }

    /// Whether deliveries may go to this address and port.
    pub fn permits_socket(&self, address: SocketAddr) -> bool {
        let is_own = |own: &SocketAddr| {
            own.port() == address.port() && network::canonical(own.ip()) == network::canonical(address.ip())
        };
        self.permits(address.ip()) && !self.own.iter().any(is_own)
    }

    /// Whether deliveries may go to this address. IPv4-mapped and NAT64 addresses are judged as the IPv4 address that
    /// they stand for (THREATS A17, A19); one that hides another is never open (A21), and a metadata service only where
    /// the operator names it, and it alone (A41).
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = network::canonical(address);
        let is_metadata = network::is_metadata(address);
        let opens = |allowed: &Network| match is_metadata {
            true => *allowed == Network::from(address),
            false => allowed.contains(address),
        };
        let is_open = network::is_public(address) || self.allowed.iter().any(opens);
        is_open && !network::is_disguise(address)
    }
}

/// Whether a name means the machine itself (RFC 6761, THREATS A07).
pub fn is_loopback_name(name: &str) -> bool {
    LOOPBACK_NAMES.contains(&name) || name.ends_with(".localhost")
}

/// Whether a network that is open is more than the machine's own.
fn reaches_beyond_the_machine(allowed: &Network) -> bool {
    let is_within = |loopback: &Network| loopback.overlaps(allowed) && allowed.prefix_bits() >= loopback.prefix_bits();
    !LOOPBACK.iter().any(is_within)
}

/// Whether a name exists only inside a network: nobody can have it registered (THREATS A40).
pub fn is_internal_name(name: &str) -> bool {
    !name.contains('.') || INTERNAL_SUFFIXES.iter().any(|suffix| name.ends_with(suffix) || name == &suffix[1..])
}

#[cfg(test)]
mod tests;
