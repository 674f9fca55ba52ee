//! Networks are read as they are shown, and what is public is what the registries leave over, to the last address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

#[test]
fn a_network_is_read_as_it_is_shown() {
    for text in ["10.1.0.0/16", "0.0.0.0/0", "::/0", "fd00::/8", "1.2.3.4/32", "::1/128"] {
        assert_eq!(network(text).to_string(), text);
    }
    assert_eq!(network("127.0.0.1"), network("127.0.0.1/32"));
}

#[test]
fn a_network_that_is_unclear_is_refused_with_what_to_write() {
    for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "backend", "10.0.0.0/-1", "10.0.0.0/8/8", "127.1/8"] {
        assert_eq!(text.parse::<Network>(), Err(NetworkError::Invalid(text.to_owned())), "{text}");
    }
    let error = "10.1.2.3/16".parse::<Network>().unwrap_err();
    assert!(error.to_string().ends_with("write 10.1.0.0/16 for the block"), "{error}");
}

#[test]
fn a_block_holds_its_own_family_from_first_to_last() {
    assert!(network("0.0.0.0/0").contains([255, 255, 255, 255].into()));
    assert!(!network("0.0.0.0/0").contains("::".parse().unwrap()));
    assert!(network("172.16.0.0/12").contains([172, 31, 255, 255].into()));
    assert!(!network("172.16.0.0/12").contains([172, 32, 0, 0].into()));
    assert!(network("0.0.0.0/0").overlaps(&LOOPBACK[0]));
    assert!(network("127.0.0.1").overlaps(&LOOPBACK[0]));
    assert!(!network("::/0").overlaps(&LOOPBACK[0]));
}

/// The IANA registries of special-purpose addresses, as they stood in 2025: block, RFC, name.
fn registry() -> Vec<(Network, &'static str)> {
    let lines = include_str!("special_purpose.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').map(|(block, name)| (network(block), name)).unwrap()).collect()
}

/// What is refused besides the registries: multicast, which has registries of its own, an address of Azure's in public
/// space, the 6bone, and all IPv6 that is not global unicast.
fn besides() -> Vec<Network> {
    let blocks = ["224.0.0.0/4", "168.63.129.16/32", "3ffe::/16", "::/3", "4000::/2", "8000::/1"];
    blocks.map(network).to_vec()
}

/// Whether an address is public by the registries alone.
fn is_public_by_the_registries(address: IpAddr) -> bool {
    let mut blocks = registry().into_iter().map(|(block, _)| block).chain(besides());
    !blocks.any(|block| block.contains(address))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The address of this family with these bits; `None` beyond the last.
fn address(like: IpAddr, bits: u128) -> Option<IpAddr> {
    match like {
        IpAddr::V4(_) => u32::try_from(bits).ok().map(|bits| Ipv4Addr::from(bits).into()),
        IpAddr::V6(_) => Some(Ipv6Addr::from(bits).into()),
    }
}

/// THREATS A08–A25 at the edges of every block: its first and last address, the one before and the one after.
#[test]
fn every_block_of_the_registries_is_refused_to_its_last_address_and_no_further() {
    let registry = registry();
    assert!(registry.len() >= 50, "{} blocks", registry.len());
    for (block, name) in registry.into_iter().chain(besides().into_iter().map(|block| (block, "besides"))) {
        let first = bits(block.first);
        let width = if block.first.is_ipv4() { 32 } else { 128 };
        let size_less_one = u128::MAX.checked_shr(128 - (width - u32::from(block.prefix_bits))).unwrap_or(0);
        let last = first + size_less_one;
        for inside in [first, first + size_less_one / 2, last] {
            let inside = address(block.first, inside).unwrap();
            let canonical = canonical(inside);
            // Mapped and NAT64 addresses are judged as what they stand for.
            let expected = canonical != inside && is_public_by_the_registries(canonical);
            assert_eq!(is_public(canonical), expected, "{inside} in {block} ({name})");
        }
        for outside in [first.checked_sub(1), last.checked_add(1)].into_iter().flatten() {
            let Some(outside) = address(block.first, outside) else { continue };
            assert_eq!(is_public(canonical(outside)), is_public_by_the_registries(canonical(outside)), "{outside}");
        }
    }
}

#[test]
fn every_entry_of_the_table_has_its_reason_in_the_registries() {
    let reasons: Vec<Network> = registry().into_iter().map(|(block, _)| block).chain(besides()).collect();
    for special in SPECIAL_V4.iter().chain(&SPECIAL_V6).filter(|special| **special != network("224.0.0.0/3")) {
        assert!(reasons.contains(special), "{special} is refused and in no registry");
    }
}

#[test]
fn an_address_in_disguise_is_known() {
    for text in [
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "64:ff9b:1::7f00:1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:0:169.254.169.254",
        "2606:4700::5efe:127.0.0.1",
        "2606:4700::200:5efe:10.0.0.1",
        "fe80::5efe:10.0.0.1",
    ] {
        let address = canonical(text.parse().unwrap());
        assert!(is_disguise(address) && !is_public(address), "{text}");
    }
    for text in ["::1", "::", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "8.8.8.8", "fd00::1"] {
        assert!(!is_disguise(canonical(text.parse().unwrap())), "{text}");
    }
}

#[test]
fn no_metadata_service_is_public() {
    for metadata in METADATA {
        assert!(is_metadata(metadata) && !is_public(metadata), "{metadata}");
    }
}

proptest! {
    /// THREATS A28: what the table says of any address is what the registries say.
    #[test]
    fn the_table_says_what_the_registries_say(v4: u32, v6: u128, near in 0u128..64) {
        for address in [IpAddr::from(Ipv4Addr::from(v4)), Ipv6Addr::from(v6).into()] {
            let address = canonical(address);
            let expected = is_public_by_the_registries(address) && !is_disguise(address);
            prop_assert_eq!(is_public(address), expected, "{}", address);
        }
        // Most random addresses of IPv6 are far from any block.
        for (block, _) in registry() {
            let Some(address) = address(block.first, bits(block.first).wrapping_add(near << 8)) else { continue };
            let address = canonical(address);
            prop_assert_eq!(is_public(address), is_public_by_the_registries(address), "{}", address);
        }
    }
}
