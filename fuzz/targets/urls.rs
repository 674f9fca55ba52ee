//! Where deliveries may go. What is public is said here once more, in the words of the standard library, so that a fault in
//! Cornet's table and one here would have to be the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use cornet::domain::network::Network;
use cornet::domain::target::{Host, Target, TargetPolicy};

/// The port that addresses are tried with.
const PORT: u16 = 443;

/// The URL guard: what it takes can be requested, leads outside, and is read alike when it is written plainly.
pub fn url(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let policy = TargetPolicy::public_only();
    let Ok(target) = Target::parse(text) else { return };
    assert_eq!(target.as_str(), text);
    assert!(!text.contains(|character: char| character.is_control() || character.is_whitespace()));
    let plain = format!("{}{}", target.origin(), target.path_and_query());
    if let Ok(again) = Target::parse(&plain) {
        assert_eq!((again.scheme(), again.host(), again.port()), (target.scheme(), target.host(), target.port()));
        assert_eq!(again.path_and_query(), target.path_and_query());
        assert_eq!(policy.check_literal(&again), policy.check_literal(&target));
    } else {
        assert!(plain.len() > text.len(), "{plain} is refused, and {text} is not");
    }
    if policy.check_literal(&target).is_err() {
        return;
    }
    let request: http::Uri = target.path_and_query().parse().expect("what is taken can be requested");
    assert_eq!(request.path_and_query().map(|path| path.as_str()), Some(target.path_and_query()));
    http::HeaderValue::from_str(target.authority()).expect("the host can be said in a header");
    match target.host() {
        Host::Address(address) => assert!(leads_outside(*address), "{address}"),
        Host::Name(name) => assert!(is_outside_name(name), "{name}"),
    }
}

/// The addresses that a name may resolve to, each of four or sixteen bytes behind a byte that says which: what is let
/// through is public to the last one, and whoever is alone judged so.
pub fn addresses(bytes: &[u8]) {
    let policy = TargetPolicy::public_only();
    let (mut rest, mut found) = (bytes, Vec::new());
    while let Some((kind, after)) = rest.split_first() {
        let address = match kind % 2 {
            0 => after.split_first_chunk::<4>().map(|(four, rest)| (IpAddr::from(*four), rest)),
            _ => after.split_first_chunk::<16>().map(|(sixteen, rest)| (IpAddr::from(*sixteen), rest)),
        };
        let Some((address, after)) = address else { break };
        found.push(SocketAddr::new(address, PORT));
        rest = after;
    }
    let permitted = policy.vet("receiver.example.com", found.clone());
    let alone = found.iter().all(|address| policy.permits_socket(*address));
    assert_eq!(permitted.is_ok(), alone && !found.is_empty());
    if let Ok(permitted) = permitted {
        assert_eq!(permitted, found);
        permitted.iter().for_each(|address| assert!(leads_outside(address.ip()), "{address}"));
    }
    for address in &found {
        if let IpAddr::V4(v4) = address.ip() {
            assert_eq!(policy.permits(IpAddr::V4(v4)), policy.permits(IpAddr::V6(v4.to_ipv6_mapped())), "{v4}");
        }
    }
}

/// A network that an operator opens: it is shown as it is read, and has its own first address in it.
pub fn network(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(network) = text.parse::<Network>() {
        let shown = network.to_string();
        assert_eq!(shown.parse::<Network>().as_ref(), Ok(&network));
        let (first, _) = shown.split_once('/').expect("a network is shown with its length");
        assert!(network.contains(first.parse().expect("its first address is one")) && network.overlaps(&network));
    }
    let Ok(policy) = TargetPolicy::allowing(text) else { return };
    let metadata = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
    let is_named = policy.allowed().iter().any(|network| *network == Network::from(metadata));
    assert_eq!(policy.permits(metadata), is_named, "only its own name opens a metadata service");
}

/// Whether an address is on the public internet, as far as the standard library knows.
fn leads_outside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), v6.segments()) {
            (Some(v4), _) => is_public_v4(v4),
            (None, [0x64, 0xff9b, 0, 0, 0, 0, high, low]) => {
                is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
            }
            (None, segments) => is_public_v6(v6, segments),
        },
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_documentation();
    !(is_special || is_shared || first == 0 || first >= 224)
}

fn is_public_v6(v6: Ipv6Addr, [first, second, ..]: [u16; 8]) -> bool {
    let is_documentation = (first == 0x2001 && second == 0xdb8) || first == 0x3fff && second < 0x1000;
    let is_disguise = first == 0x2002 || (first == 0x2001 && second == 0);
    first & 0xe000 == 0x2000 && !is_documentation && !is_disguise && !v6.is_multicast()
}

/// Whether a name can be one on the public internet.
fn is_outside_name(name: &str) -> bool {
    let is_plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
    let is_inside = ["localhost", "internal", "local", "lan", "svc", "home.arpa", "intranet", "corp"]
        .iter()
        .any(|end| name.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.')));
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    is_plain && !is_inside && !is_number && name.len() <= 253 && !name.ends_with('.')
}
