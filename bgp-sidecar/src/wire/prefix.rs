//! Prefixes as they travel (RFC 4271 §4.3, RFC 7911 §3).

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFrom as _;

use super::message::{Family, Nlri};

/// All of them, masked; `None` where one cannot be told from the next.
pub(super) fn read_all(octets: &[u8], family: Family, paths: bool) -> Option<Vec<Nlri>> {
    let mut reader = SliceReader::new(octets);
    let mut all = Vec::new();
    while !reader.is_empty() {
        let path_id = if paths { reader.read_u32_be().ok()? } else { 0 };
        let prefix: IpNet = match family {
            Family::Ipv4 => Ipv4Net::parse(&mut reader).ok()?.into(),
            Family::Ipv6 => Ipv6Net::parse(&mut reader).ok()?.into(),
        };
        let prefix = prefix.trunc();
        all.push(Nlri { prefix, path_id });
    }
    Some(all)
}

/// Whether hosts can have addresses of it: no multicast, nothing reserved, nothing that stays on a link.
pub(super) fn unicast(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V4(net) => net.addr().octets()[0] < 224,
        IpNet::V6(net) => !net.addr().is_multicast() && !net.addr().is_unicast_link_local(),
    }
}

/// What one measures.
pub(super) fn length(nlri: Nlri, paths: bool) -> usize {
    1 + usize::from(nlri.prefix.prefix_len().div_ceil(8)) + if paths { 4 } else { 0 }
}

/// Writes one.
pub(super) fn write(nlri: Nlri, paths: bool, octets: &mut Vec<u8>) {
    if paths {
        octets.extend(nlri.path_id.to_be_bytes());
    }
    let bits = nlri.prefix.prefix_len();
    octets.push(bits);
    let kept = usize::from(bits.div_ceil(8));
    match nlri.prefix.network() {
        std::net::IpAddr::V4(address) => octets.extend(address.octets().iter().take(kept)),
        std::net::IpAddr::V6(address) => octets.extend(address.octets().iter().take(kept)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nlri(prefix: &str, path_id: u32) -> Nlri {
        let prefix = prefix.parse().unwrap();
        Nlri { prefix, path_id }
    }

    #[test]
    fn bits_beyond_the_prefix_are_masked() {
        let read = read_all(&[12, 10, 0xFF], Family::Ipv4, false).unwrap();
        assert_eq!(read, [nlri("10.240.0.0/12", 0)]);
    }

    #[test]
    fn a_prefix_too_long_or_cut_short_is_none() {
        assert_eq!(read_all(&[33, 1, 2, 3, 4, 5], Family::Ipv4, false), None);
        assert_eq!(read_all(&[129; 30], Family::Ipv6, false), None);
        assert_eq!(read_all(&[24, 10, 0], Family::Ipv4, false), None);
        assert_eq!(read_all(&[0, 0, 1], Family::Ipv4, true), None);
    }

    #[test]
    fn what_is_written_is_read_and_measures_what_it_should() {
        for paths in [false, true] {
            let id = u32::from(paths) * 7;
            for one in [
                nlri("0.0.0.0/0", id),
                nlri("10.1.2.3/32", id),
                nlri("255.255.255.254/31", id),
                nlri("2001:db8::/33", id),
                nlri("::/0", id),
            ] {
                let mut octets = Vec::new();
                write(one, paths, &mut octets);
                assert_eq!(octets.len(), length(one, paths));
                let family = Family::of_net(one.prefix);
                assert_eq!(read_all(&octets, family, paths), Some(vec![one]));
            }
        }
    }

    #[test]
    fn multicast_reserved_and_link_local_prefixes_are_not_unicast() {
        for prefix in [
            "224.0.0.0/4",
            "239.1.0.0/16",
            "240.0.0.0/4",
            "ff00::/8",
            "fe80::/64",
        ] {
            assert!(!unicast(prefix.parse().unwrap()), "{prefix}");
        }
        for prefix in [
            "0.0.0.0/0",
            "128.0.0.0/1",
            "10.0.0.0/8",
            "223.255.255.0/24",
            "::/0",
            "2000::/3",
        ] {
            assert!(unicast(prefix.parse().unwrap()), "{prefix}");
        }
    }
}
