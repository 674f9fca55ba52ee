//! Under which names a server is asked for its pages and for what it shows without a key. A name that is not known may be
//! an attacker's, who pointed it at this machine to have its answers read by a script in somebody's browser (DNS
//! rebinding, THREATS F22). It looks nothing up and does not know what is served.

use std::net::IpAddr;

use super::target::is_internal_name;

/// The names of a server.
#[derive(Clone, Debug, Default)]
pub struct OwnNames {
    public: Option<Box<str>>,
}

impl OwnNames {
    /// A server that people reach under this name, if it has one; always under its addresses and as localhost.
    pub fn new(public: Option<&str>) -> Self {
        Self { public: public.map(Into::into) }
    }

    /// Whether a request with this `Host` is for this server: it names an address, this machine, or the public name.
    pub fn include(&self, host: &str) -> bool {
        let name = name(host);
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_public = self.public.as_deref().is_some_and(|public| name.eq_ignore_ascii_case(public));
        name.eq_ignore_ascii_case("localhost") || is_public || address.parse::<IpAddr>().is_ok()
    }

    /// Whether a machine may ask under this `Host`: also under a name that exists only inside a network, as machines there
    /// do and no attacker can register.
    pub fn include_for_machines(&self, host: &str) -> bool {
        let name = name(host).to_ascii_lowercase();
        self.include(host) || (!name.is_empty() && is_internal_name(&name))
    }
}

/// The name in a `Host`, without the port and the final dot.
fn name(host: &str) -> &str {
    let port = host.rfind(':').filter(|colon| host[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()));
    host[..port.unwrap_or(host.len())].trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::OwnNames;

    const OWN: [&str; 7] = [
        "127.0.0.1:8484",
        "[::1]:8484",
        "[::1]",
        "localhost",
        "LOCALHOST:1",
        "hooks.example.com:443",
        "Hooks.Example.com.",
    ];
    const FOREIGN: [&str; 6] = [
        "",
        "evil.example",
        "evil.example:8484",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "hooks.example.com.evil.example",
    ];

    #[test]
    fn known_names_and_addresses_are_own_and_no_others() {
        let names = OwnNames::new(Some("hooks.example.com"));
        for host in OWN {
            assert!(names.include(host) && names.include_for_machines(host), "{host}");
        }
        for host in FOREIGN {
            assert!(!names.include(host) && !names.include_for_machines(host), "{host}");
        }
    }

    #[test]
    fn machines_may_ask_under_names_that_nobody_can_register() {
        let names = OwnNames::new(None);
        for host in ["cornet:8484", "cornet.hooks.svc", "cornet.hooks.svc.cluster.local:80", "db.internal"] {
            assert!(names.include_for_machines(host) && !names.include(host), "{host}");
        }
        assert!(!names.include("hooks.example.com"));
    }
}
