//! Whether the guard in front of deliveries stands: what is never to be reached is refused, unless the operator has
//! opened it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::domain::finding::Finding;
use crate::domain::network::canonical;
use crate::domain::target::{Host, Target, TargetPolicy};

/// What no delivery should reach, one of each kind: this machine, private networks, the cloud's data about a machine.
const FORBIDDEN: [&str; 6] = [
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://10.0.0.1/",
    "http://192.168.0.1/",
    "http://169.254.169.254/",
    "http://[::ffff:169.254.169.254]/",
];
/// Where clouds tell a machine its own credentials.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Tries the guard of this policy, and looks at what it lets through.
pub fn examine_guard(policy: &TargetPolicy) -> Vec<Finding> {
    const SUBJECT: &str = "guard";
    let mut findings = Vec::new();
    let (mut refused, mut passed) = (0, Vec::new());
    for (url, target) in FORBIDDEN.iter().filter_map(|url| Some((*url, Target::parse(url).ok()?))) {
        let Host::Address(address) = *target.host() else { continue };
        let socket = SocketAddr::new(address, target.port());
        if policy.check_literal(&target).is_err() && policy.vet("example.com", vec![socket]).is_err() {
            refused += 1;
        } else if !policy.allowed().iter().any(|network| network.contains(canonical(address))) {
            passed.push(url);
        }
    }
    let opened: Vec<String> = policy.allowed().iter().map(ToString::to_string).collect();
    let open = if opened.is_empty() { "only".to_owned() } else { format!("and to {}", opened.join(", ")) };
    findings.push(if passed.is_empty() {
        let text = format!("deliveries go to the public internet {open}; {refused} forbidden addresses are refused");
        Finding::fine(SUBJECT, text)
    } else {
        Finding::problem(
            SUBJECT,
            format!("it lets through {}", passed.join(", ")),
            "report it: this is a fault of Cornet's",
        )
    });
    if policy.permits(METADATA) {
        let text = format!("deliveries may reach {METADATA}, where clouds give away a machine's credentials");
        let advice = "take it out of CORNET_ALLOW_NETWORKS";
        findings.push(Finding::problem(SUBJECT, text, advice));
    }
    if policy.allowed().iter().any(|network| network.prefix_bits() == 0) {
        let advice = "name in CORNET_ALLOW_NETWORKS only the networks that endpoints are in";
        findings.push(Finding::warning(SUBJECT, "every address may be reached", advice));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::examine_guard;
    use crate::domain::finding::Grade;
    use crate::domain::target::TargetPolicy;

    fn worst(networks: &str) -> Grade {
        let findings = examine_guard(&TargetPolicy::allowing(networks).unwrap());
        findings.iter().map(|finding| finding.grade).max().unwrap()
    }

    #[test]
    fn what_is_opened_is_told_and_judged() {
        assert_eq!(worst(""), Grade::Fine);
        assert_eq!(worst("127.0.0.0/8"), Grade::Fine);
        assert_eq!(worst("0.0.0.0/0"), Grade::Warning);
        assert_eq!(worst("169.254.169.254/32"), Grade::Problem);
    }
}
