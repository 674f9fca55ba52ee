//! The tables of THREATS part A, row by row.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// The code that a URL is refused with when an endpoint is written; `ok` when it is not.
fn verdict(policy: &TargetPolicy, url: &str) -> &'static str {
    match Target::parse(url).and_then(|target| policy.check_literal(&target)) {
        Ok(()) => "ok",
        Err(error) => error.code(),
    }
}

fn assert_verdicts(policy: &TargetPolicy, expected: &str, urls: &[&str]) {
    for url in urls {
        assert_eq!(verdict(policy, url), expected, "{url:?}");
    }
}

fn assert_hosts(expected: &str, hosts: &[&str]) {
    for host in hosts {
        assert_eq!(verdict(&TargetPolicy::public_only(), &format!("http://{host}/")), expected, "{host:?}");
    }
}

#[test]
fn forbidden_addresses_are_seen_through_every_spelling() {
    assert_hosts("target_forbidden", &["127.0.0.1", "127.255.255.254"]); // A01
    assert_hosts("target_forbidden", &["127.1", "127.0.1", "127.65535"]); // A02
    assert_hosts("target_forbidden", &["2130706433", "0x7f000001", "017700000001", "0x7f.1", "0177.0.0.01"]); // A03
    assert_hosts("target_forbidden", &["0", "0x", "0.0.0.0", "[::]"]); // A04
    assert_hosts("target_forbidden", &["127%2e0%2e0%2e1", "①②⑦.⓪.⓪.①", "127。0。0。1"]); // A05
    assert_hosts("target_forbidden", &["127.0.0.1.", "localhost.", "LOCALHOST", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ"]); // A06
    assert_hosts("target_forbidden", &["foo.localhost", "localhost.localdomain", "ip6-localhost"]); // A07
}

/// Spellings that are not in any list of such spellings, and that libraries read in different ways.
#[test]
fn an_odd_spelling_opens_nothing() {
    let loopback = [
        "0X7F000001",
        "0x7F.0X0.0x0.0x1",
        "0177.0x0.0.1",
        "00000000177.0.0.1",
        "127.0x1",
        "0x7f000001.",
        "127.0.0.1。",
        "127．0．0．1",
        "１２７.０.０.１",
        "１２７。１",
        "%31%32%37.0.0.1",
        "%6c%6f%63alhost",
        "ｌｏｃａｌｈｏｓｔ",
        "loc\u{ad}alhost",
        "localhost。",
        "LOCALHOST.",
        "sub.sub.LocalHost",
        "localhost6.localdomain6",
        "ip6-loopback",
        "[0:0:0:0:0:0:0:1]",
        "[::0.0.0.1]",
        "[::FFFF:7F00:0001]",
        "[0000:0000:0000:0000:0000:ffff:127.0.0.1]",
        "[64:FF9B::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b:1::127.0.0.1]",
        "[2606:4700::5efe:127.0.0.1]",
    ];
    assert_hosts("target_forbidden", &loopback);
    let elsewhere = ["0xa9fea9fe", "025177524776", "2852039166", "169.16689662", "0xA.1", "012.0.0.1", "3232235521"];
    assert_hosts("target_forbidden", &elsewhere);
    let none = ["0x100000000", "127.0.0.0x", "1.2.3", "0x7f.0.0.0.1", "127.0.0.1%00", "127.0.0.1%0d%0a", "[127.0.0.1]"];
    for host in none {
        let verdict = verdict(&TargetPolicy::public_only(), &format!("http://{host}/"));
        assert!(
            ["url_host", "url_invalid", "target_forbidden"].contains(&verdict) || host == "1.2.3",
            "{host}: {verdict}"
        );
    }
    let bracketed = ["[::1", "::1]", "[::1]x", "[::1%251]", "[::1%1]", "[v1.a]", "[::g]", "[1::2::3]", "[::1.2.3.256]"];
    for host in bracketed {
        assert!(Target::parse(&format!("http://{host}/")).is_err(), "{host}");
    }
}

#[test]
fn only_public_ipv4_is_open() {
    assert_hosts("target_forbidden", &["10.0.0.1", "172.16.0.0", "172.31.255.255", "192.168.0.1"]); // A08
    assert_hosts("ok", &["172.15.255.255", "172.32.0.1", "93.184.216.34", "1.1.1.1", "223.255.255.255"]);
    assert_hosts("target_forbidden", &["100.64.0.1", "100.127.255.255"]); // A09
    assert_hosts("ok", &["100.63.255.255", "100.128.0.1"]);
    assert_hosts("target_forbidden", &["169.254.169.254", "169.254.170.2", "169.254.169.253", "169.254.0.1"]); // A10
    assert_hosts("target_forbidden", &["168.63.129.16"]); // A11
    assert_hosts("ok", &["168.63.129.15", "168.63.129.17"]);
    assert_hosts("target_forbidden", &["100.100.100.200", "192.0.0.192", "169.254.42.42"]); // A12
    assert_hosts("target_forbidden", &["0.1.2.3", "192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1"]); // A14
    assert_hosts("target_forbidden", &["198.18.0.1", "198.19.255.255"]);
    assert_hosts("target_forbidden", &["224.0.0.1", "239.255.255.250", "233.252.0.1", "240.0.0.1"]); // A16
    assert_hosts("target_forbidden", &["255.255.255.255"]);
}

#[test]
fn only_global_unicast_ipv6_is_open() {
    assert_hosts("target_forbidden", &["[fd00:ec2::254]", "[fd20:ce::254]", "[fd00:42::42]"]); // A13
    assert_hosts("target_forbidden", &["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]"]);
    assert_hosts("target_forbidden", &["[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::a00:1]"]); // A19
    assert_hosts("ok", &["[64:ff9b::808:808]", "[::ffff:8.8.8.8]", "[2606:4700::1111]", "[2a00:1450::1]"]);
    assert_hosts("target_forbidden", &["[64:ff9b:1::808:808]", "[::8.8.8.8]", "[::127.0.0.1]"]);
    assert_hosts("target_forbidden", &["[2002:7f00:1::1]", "[2002:808:808::1]"]); // A21
    // A23
    assert_hosts("target_forbidden", &["[2001::1]", "[2001:2::1]", "[2001:10::1]", "[2001:db8::1]", "[3fff::1]"]);
    assert_hosts("target_forbidden", &["[100::1]", "[100:0:0:1::1]", "[5f00::1]", "[2620:4f:8000::1]"]);
    // A24
    assert_hosts("target_forbidden", &["[fc00::1]", "[fdff::1]", "[fe80::1]", "[febf::1]", "[fec0::1]", "[ff02::1]"]);
    assert_hosts("target_forbidden", &["[4000::1]", "[8000::1]"]); // A25
}

#[test]
fn a_url_is_read_strictly() {
    let policy = TargetPolicy::public_only();
    assert_hosts("url_host", &["[fe80::1%25eth0]", "[::1%25lo]"]); // A26
    assert!(Target::parse("http://::1/").is_err());
    assert_hosts("url_host", &["1.2.3.4.5", "256.256.256.256", "4294967296"]); // A27
    let schemes = ["ftp://a.com/", "file:///etc/passwd", "gopher://127.0.0.1:25/", "data:,x", "javascript:alert(1)"];
    assert_verdicts(&policy, "url_scheme", &schemes); // A29
    assert_verdicts(
        &policy,
        "url_scheme",
        &["unix:/a", "ws://a.com", "ldap://a.com", "dict://a.com", "jar:http://a.com"],
    );
    assert_verdicts(&policy, "url_scheme", &["", "example.com/hook", "//example.com"]);
    assert_verdicts(&policy.clone().https_only(), "url_scheme", &["http://example.com/"]); // A30
    assert_verdicts(&policy.clone().https_only(), "ok", &["https://example.com/"]);
    // A31
    assert_verdicts(&policy, "url_userinfo", &["https://user:pw@a.com/", "https://user@a.com", "https://@a.com"]);
    let confusing =
        ["http://good.com@127.0.0.1/", "http://user:pw@good.com@127.0.0.1/", "http://1.1.1.1%2f@127.0.0.1/"];
    assert_verdicts(&policy, "url_userinfo", &confusing); // A32
    assert_verdicts(&policy, "ok", &["https://a.com/@me?to=a@b"]);
    let spaced = ["https://a.com/\r\nHost: x", "https://a.com/\t", "https://a.com/\0", "https://a.com/\u{2028}"];
    assert_verdicts(&policy, "url_control_char", &spaced); // A34
    assert_verdicts(&policy, "url_control_char", &["https://a.com/a b", " https://a.com/", "https://a.com/ "]);
    let repaired = ["http:example.com", "http:///example.com", "http:\\\\example.com", "http://a.com\\b", "http://"];
    assert_verdicts(&policy, "url_invalid", &repaired); // A38
}

#[test]
fn only_ports_of_web_servers_are_open() {
    let policy = TargetPolicy::public_only();
    for port in [0, 22, 25, 53, 110, 143, 465, 587, 993, 3306, 5432, 6379, 9200, 11211, 27017, 1023, 65_536] {
        assert_eq!(verdict(&policy, &format!("https://example.com:{port}/")), "url_port", "{port}"); // A35
    }
    for port in [80, 443, 1024, 3000, 8080, 8443, 65_535] {
        assert_eq!(verdict(&policy, &format!("https://example.com:{port}/")), "ok", "{port}");
    }
}

#[test]
fn host_names_and_lengths_have_limits() {
    let policy = TargetPolicy::public_only();
    assert_hosts(
        "url_host",
        &["a..b", ".a.com", "a.com..", "-a.com", "a-.com", "xn--a-\u{fffd}.com", "xn--0.com", "a,b.com"],
    );
    assert_hosts("ok", &["a_b.com", "xn--mnchen-3ya.de", "münchen.de", "example.com."]);
    let label = "a".repeat(63);
    assert_hosts("ok", &[&format!("{label}.com")]);
    assert_hosts("url_host", &[&format!("{label}a.com")]);
    assert_hosts("url_host", &[&format!("{label}.{label}.{label}.{label}.com")]);
    let longest = format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX - "https://example.com/".len()));
    assert_eq!(verdict(&policy, &longest), "ok"); // A37
    assert_eq!(verdict(&policy, &format!("{longest}a")), "url_too_long");
}

/// A39, A40: what a machine's own network opens is that machine's name, and not where Cornet itself listens.
#[test]
fn an_open_network_opens_no_more_names_than_it_has_to() {
    let check = |policy: &TargetPolicy, url: &str| policy.check_literal(&Target::parse(url).unwrap()).is_ok();
    let own = "127.0.0.1:8484".parse().unwrap();
    let machine = TargetPolicy::allowing("127.0.0.0/8").unwrap().refusing_own(vec![own]);
    let network = TargetPolicy::allowing("10.0.0.0/8").unwrap();
    assert!(check(&machine, "http://localhost:9000/"));
    assert!(!check(&machine, "http://localhost:8484/"));
    assert!(!check(&machine, "http://backend/") && !check(&machine, "http://db.internal/"));
    assert!(check(&network, "http://backend/") && check(&network, "http://db.internal/"));
    for name in METADATA_NAMES {
        assert!(!check(&machine, &format!("http://{name}/")) && !check(&network, &format!("http://{name}/")), "{name}");
    }
}

#[test]
fn names_of_internal_networks_are_refused() {
    let metadata = ["metadata.google.internal", "metadata", "instance-data", "kubernetes.default.svc"];
    assert_hosts("target_forbidden", &metadata); // A40
    assert_hosts(
        "target_forbidden",
        &["db.internal", "printer.local", "a.svc", "nas.home.arpa", "backend", "a.LOCAL.", "git.corp", "tv.lan"],
    );
    assert_hosts(
        "target_forbidden",
        &["kubernetes.default.svc.cluster.local", "metadata.tencentyun.com", "Ⓐ.internal"],
    );
    assert_hosts("ok", &["internal.example.com", "local.dev", "mylocalhost.com"]);
}

#[test]
fn an_allowed_network_opens_its_addresses_and_no_more() {
    let policy = TargetPolicy::allowing("10.1.0.0/16").unwrap();
    let inside = ["http://10.1.2.3/", "http://[::ffff:10.1.2.3]/", "http://[64:ff9b::a01:203]/", "http://backend/"];
    assert_verdicts(&policy, "ok", &inside); // A41
    assert_verdicts(&policy, "target_forbidden", &["http://10.2.0.1/", "http://127.0.0.1/", "http://localhost/"]);
    let loopback = TargetPolicy::allowing("127.0.0.0/8").unwrap();
    assert_verdicts(&loopback, "ok", &["http://127.0.0.1:3000/", "http://localhost:3000/", "http://a.localhost/"]);
    assert_verdicts(&loopback, "target_forbidden", &["http://[::1]/", "http://10.0.0.1/"]);
    assert!(TargetPolicy::allowing("10.1.0.0/16, backend").is_err());
    assert!(!TargetPolicy::allowing(" , ").unwrap().permits([10, 0, 0, 1].into()));
}

#[test]
fn metadata_services_need_an_entry_of_their_own() {
    let wide = TargetPolicy::allowing("0.0.0.0/0,::/0,100.64.0.0/10,fd00::/8").unwrap();
    let hosts = ["169.254.169.254", "[::ffff:169.254.169.254]", "100.100.100.200", "168.63.129.16", "[fd00:ec2::254]"];
    for host in hosts {
        assert_eq!(verdict(&wide, &format!("http://{host}/")), "target_forbidden", "{host}");
    }
    assert_verdicts(&wide, "ok", &["http://10.0.0.1/", "http://169.254.0.1/", "http://[fd00::1]/"]);
    let near = TargetPolicy::allowing("169.254.169.0/24,fd00:ec2::/64,100.100.100.200/31").unwrap();
    assert_verdicts(&near, "target_forbidden", &["http://169.254.169.254/", "http://[fd00:ec2::254]/"]);
    assert_verdicts(&near, "target_forbidden", &["http://100.100.100.200/"]);
    let exact = TargetPolicy::allowing("169.254.169.254,fd00:ec2::254/128").unwrap();
    assert_verdicts(
        &exact,
        "ok",
        &["http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://[::ffff:a9fe:a9fe]/"],
    );
}

#[test]
fn cornet_does_not_deliver_to_itself() {
    let policy = TargetPolicy::allowing("127.0.0.0/8").unwrap().refusing_own(vec![([127, 0, 0, 1], 8484).into()]);
    assert_verdicts(&policy, "target_forbidden", &["http://127.0.0.1:8484/", "http://[::ffff:7f00:1]:8484/"]); // A39
    assert_verdicts(&policy, "ok", &["http://127.0.0.1:8485/"]);
    let public = Target::parse("https://Hooks.example.com/").unwrap();
    let policy = TargetPolicy::public_only().refusing_public(Some(&public));
    let own = [
        "https://hooks.example.com/api/v1/app/a/msg",
        "https://HOOKS.EXAMPLE.COM.:443/",
        "http://hooks.example.com:443/",
    ];
    assert_verdicts(&policy, "target_forbidden", &own);
    assert_verdicts(&policy, "ok", &["https://hooks.example.com:8443/", "https://api.hooks.example.com/"]);
}

#[test]
fn one_forbidden_address_refuses_the_whole_name() {
    let public: SocketAddr = ([93, 184, 216, 34], 443).into();
    let private: SocketAddr = ([10, 0, 0, 1], 443).into();
    let policy = TargetPolicy::public_only();
    assert_eq!(policy.vet("a.com", vec![public]), Ok(vec![public]));
    assert_eq!(policy.vet("a.com", vec![public, private]), Err(TargetError::Forbidden)); // B02
    assert_eq!(policy.vet("a.com", vec![]), Err(TargetError::Forbidden));
    let v4: SocketAddr = ([127, 0, 0, 1], 80).into();
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, 80).into();
    let loopback = TargetPolicy::allowing("127.0.0.0/8").unwrap();
    assert_eq!(loopback.vet("localhost", vec![v6, v4]), Ok(vec![v4]));
    assert_eq!(loopback.vet("a.com", vec![v6, v4]), Err(TargetError::Forbidden));
    assert_eq!(policy.vet("localhost", vec![v6, v4]), Err(TargetError::Forbidden));
}

#[test]
fn a_target_keeps_what_was_given_and_what_is_sent() {
    let given = "HTTPS://M\u{fc}nchen.DE.:443/a/../b%FF?q=1|2#part";
    let target = Target::parse(given).unwrap();
    assert_eq!(target.as_str(), given);
    assert_eq!(target.scheme(), Scheme::Https);
    assert_eq!(target.host(), &Host::Name("xn--mnchen-3ya.de".into()));
    assert_eq!((target.port(), target.authority()), (443, "xn--mnchen-3ya.de"));
    assert_eq!(target.path_and_query(), "/b%FF?q=1|2");
    let target = Target::parse("http://[2606:4700:0::1111]:8080?x").unwrap();
    assert_eq!((target.port(), target.authority()), (8080, "[2606:4700::1111]:8080"));
    assert_eq!(target.path_and_query(), "/?x");
}

proptest! {
    /// A28: whichever way an IPv4 address is written, the verdict is the same; 6to4 is never open.
    #[test]
    fn an_ipv4_address_is_judged_alike_in_every_spelling(bits: u32, low: u64) {
        let policy = TargetPolicy::allowing("10.1.0.0/16").unwrap();
        let v4 = Ipv4Addr::from(bits);
        let mapped = v4.to_ipv6_mapped();
        let translated = Ipv6Addr::from((0x0064_ff9b_u128 << 96) | u128::from(bits));
        let relayed = Ipv6Addr::from((0x2002_u128 << 112) | (u128::from(bits) << 80) | u128::from(low));
        prop_assert_eq!(policy.permits(v4.into()), policy.permits(mapped.into()));
        prop_assert_eq!(policy.permits(v4.into()), policy.permits(translated.into()));
        prop_assert!(!policy.permits(relayed.into()));
        let all = TargetPolicy::allowing("0.0.0.0/0,::/0").unwrap();
        let compatible = Ipv6Addr::from(u128::from(bits.max(2)));
        let teredo = Ipv6Addr::from((0x2001_0000_u128 << 96) | (u128::from(bits) << 64) | u128::from(low));
        for disguised in [relayed, compatible, teredo] {
            prop_assert!(!all.permits(disguised.into()), "{}", disguised);
        }
        for host in [bits.to_string(), format!("{bits:#x}"), format!("[{mapped}]"), format!("{v4}.")] {
            let expected = if policy.permits(v4.into()) { "ok" } else { "target_forbidden" };
            prop_assert_eq!(verdict(&policy, &format!("http://{host}/")), expected);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text: String, tail in "\\PC*") {
        let _ = Target::parse(&text);
        let _ = Target::parse(&format!("https://{tail}"));
    }
}
