//! Blocks of IP addresses, and which of them are the public internet. It knows the registries by heart and nothing of
//! names, ports or what an operator allows; that is `crate::domain::target`'s.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses in CIDR notation, such as `10.1.0.0/16` or `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix_bits: u8,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is not an address with a prefix length.
    #[error("`{0}` is not a network; write an address and a prefix length, such as 10.1.0.0/16 or fd00::/8")]
    Invalid(String),
    /// It names an address inside the block rather than its first one, so it is unclear what is meant.
    #[error("`{given}` does not start at its own first address; write {network} for the block")]
    NotFirst {
        /// The text as given.
        given: String,
        /// The block that contains the address.
        network: Network,
    },
}

impl Network {
    const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_bits: u8) -> Self {
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix_bits }
    }

    const fn v6(first: [u16; 4], prefix_bits: u8) -> Self {
        let [a, b, c, d] = first;
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), prefix_bits }
    }

    /// How many leading bits all addresses of the block share.
    pub fn prefix_bits(&self) -> u8 {
        self.prefix_bits
    }

    /// Whether `address` is in the block. An IPv4 block holds IPv4 addresses only, an IPv6 block IPv6 only.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.mask(address) == self.first
    }

    /// Whether the two blocks have an address in common.
    pub fn overlaps(&self, other: &Network) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    fn mask(&self, address: IpAddr) -> IpAddr {
        let prefix_bits = u32::from(self.prefix_bits);
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - prefix_bits).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - prefix_bits).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self { first: address, prefix_bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads `address/prefix`, or an address alone as the block of that one address.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let invalid = || NetworkError::Invalid(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let mut block = Network::from(address);
        if let Some(prefix) = prefix {
            let prefix_bits = prefix.parse().map_err(|_| invalid())?;
            if prefix_bits > block.prefix_bits {
                return Err(invalid());
            }
            block.prefix_bits = prefix_bits;
            block.first = block.mask(address);
        }
        match block.first == address {
            true => Ok(block),
            false => Err(NetworkError::NotFirst { given: text.to_owned(), network: block }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

/// Both loopback blocks: the machine itself (RFC 1122, RFC 4291).
pub const LOOPBACK: [Network; 2] =
    [Network::v4(127, 0, 0, 0, 8), Network { first: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix_bits: 128 }];

/// Every IPv4 block that is not ordinary public unicast: the IANA IPv4 Special-Purpose Address Registry (RFC 6890),
/// also those blocks that it calls globally reachable, since no receiver lives there; multicast (RFC 5771); and the
/// public address of Azure's WireServer (THREATS A11). `network/special_purpose.tsv` is the registry as it stood, and the
/// tests hold the two against each other.
const SPECIAL_V4: [Network; 18] = [
    Network::v4(0, 0, 0, 0, 8),     // "this network"; 0.0.0.0 reaches the machine itself on Linux
    Network::v4(10, 0, 0, 0, 8),    // private use
    Network::v4(100, 64, 0, 0, 10), // shared address space of carriers
    Network::v4(127, 0, 0, 0, 8),   // loopback
    Network::v4(168, 63, 129, 16, 32), // Azure WireServer
    Network::v4(169, 254, 0, 0, 16), // link local, where clouds keep their metadata
    Network::v4(172, 16, 0, 0, 12), // private use
    Network::v4(192, 0, 0, 0, 24),  // IETF protocol assignments
    Network::v4(192, 0, 2, 0, 24),  // documentation
    Network::v4(192, 31, 196, 0, 24), // AS112
    Network::v4(192, 52, 193, 0, 24), // automatic multicast tunnelling
    Network::v4(192, 88, 99, 0, 24), // 6to4 relay, withdrawn
    Network::v4(192, 168, 0, 0, 16), // private use
    Network::v4(192, 175, 48, 0, 24), // AS112, direct delegation
    Network::v4(198, 18, 0, 0, 15), // benchmarking
    Network::v4(198, 51, 100, 0, 24), // documentation
    Network::v4(203, 0, 113, 0, 24), // documentation
    Network::v4(224, 0, 0, 0, 3),   // multicast, reserved and broadcast
];

/// The only part of IPv6 that is global unicast; everything outside it is refused (THREATS A25).
const GLOBAL_V6: Network = Network::v6([0x2000, 0, 0, 0], 3);

/// The blocks inside [`GLOBAL_V6`] that the IANA IPv6 Special-Purpose Address Registry takes out of ordinary use, and
/// what was once the 6bone. The rest of the registry (::, ::1, 100::/64, 5f00::/16, fc00::/7, fe80::/10 …) lies outside.
const SPECIAL_V6: [Network; 6] = [
    Network::v6([0x2001, 0, 0, 0], 23), // IETF protocol assignments: Teredo, benchmarking, ORCHID …
    Network::v6([0x2001, 0x0db8, 0, 0], 32), // documentation
    SIX_TO_FOUR,
    Network::v6([0x2620, 0x004f, 0x8000, 0], 48), // AS112, direct delegation
    Network::v6([0x3ffe, 0, 0, 0], 16),           // the 6bone, given back (RFC 3701)
    Network::v6([0x3fff, 0, 0, 0], 20),           // documentation
];

/// 6to4: the bits after the prefix are an IPv4 address, which any tunnel on the way may unpack (RFC 3056).
const SIX_TO_FOUR: Network = Network::v6([0x2002, 0, 0, 0], 16);

/// IPv6 blocks whose addresses have an IPv4 address in them that a tunnel or a translator unpacks where nobody judges it.
const DISGUISES: [Network; 5] = [
    SIX_TO_FOUR,
    Network::v6([0x2001, 0, 0, 0], 32),           // Teredo (RFC 4380)
    Network::v6([0x0064, 0xff9b, 0x0001, 0], 48), // NAT64 of a network's own (RFC 8215)
    Network::v6([0, 0, 0, 0], 96),                // IPv4-compatible (RFC 4291, 2.5.5.1)
    Network { first: IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0)), prefix_bits: 96 }, // stateless translation (RFC 2765)
];

/// Where clouds tell a machine its credentials, or what it is (THREATS A10–A13). They take more than an allow-list that
/// happens to cover them to be opened.
const METADATA: [IpAddr; 18] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // AWS, Azure, Google and most others
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 253)), // AWS resolver
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 123)), // AWS time
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // AWS container credentials
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),  // AWS pod identity
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),   // Scaleway
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),    // Tencent
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure WireServer
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle classic
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x253)), // AWS resolver
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23)), // AWS pod identity
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254)), // Google
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x42)), // Scaleway
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1)), // Akamai
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)), // OpenStack
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x1234, 0x5678, 0x9abc)), // Azure
];

/// The well-known NAT64 prefix (RFC 6052): the last 32 bits are the IPv4 address that is meant.
const NAT64: Network = Network::v6([0x0064, 0xff9b, 0, 0], 96);

/// The address that a connection to `address` ends at: IPv4-mapped and NAT64 addresses are their IPv4 address.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if NAT64.contains(address) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

/// Whether `address` is ordinary public unicast; takes a [`canonical`] address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !SPECIAL_V4.iter().any(|special| special.contains(address)),
        IpAddr::V6(_) => {
            let is_special = SPECIAL_V6.iter().any(|special| special.contains(address));
            GLOBAL_V6.contains(address) && !is_special && !is_disguise(address)
        }
    }
}

/// Whether `address` is a cloud's metadata service; takes a [`canonical`] address.
pub fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&address)
}

/// Whether `address` stands for an IPv4 address that nobody could judge, so that no allow-list opens it; takes a
/// [`canonical`] address.
pub fn is_disguise(address: IpAddr) -> bool {
    let IpAddr::V6(v6) = address else { return false };
    let is_own = v6.is_loopback() || v6.is_unspecified();
    !is_own && (is_isatap(v6) || DISGUISES.iter().any(|disguise| disguise.contains(address)))
}

/// Whether the lower half of an address is that of an ISATAP interface, whose last 32 bits are an IPv4 address
/// (RFC 5214, 6.1).
fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [_, _, _, _, 0 | 0x0200, 0x5efe, _, _])
}

#[cfg(test)]
#[path = "network/tests.rs"]
mod tests;
