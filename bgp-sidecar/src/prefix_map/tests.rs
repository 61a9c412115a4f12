use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// Of both families, some inside of others, some with host bits.
fn any_net() -> impl Strategy<Value = IpNet> {
    let four = (0..4_u8, 0..4_u8, 6..=32_u8).prop_map(|(second, last, length)| {
        let address = Ipv4Addr::new(10, second, 0, last);
        IpNet::from(Ipv4Net::new(address, length).unwrap())
    });
    let six = (0..4_u16, 0..4_u16, 30..=128_u8).prop_map(|(third, last, length)| {
        let address = Ipv6Addr::new(0x2001, 0xdb8, third, 0, 0, 0, 0, last);
        IpNet::from(Ipv6Net::new(address, length).unwrap())
    });
    prop_oneof![four, six]
}

proptest! {
    #[test]
    fn keys_come_back_as_they_were_and_in_their_own_order(keys in prop::collection::vec((any_net(), any::<u32>()), 0..80)) {
        let model: BTreeMap<(IpNet, u32), usize> = keys.iter().copied().zip(0..).collect();
        let map: PrefixMap<(IpNet, u32), usize> = keys.iter().copied().zip(0..).collect();
        prop_assert!(map.iter().eq(model.iter().map(|(key, value)| (*key, value))));
        for (prefix, _) in keys {
            let of: Vec<_> = model.keys().copied().filter(|key| key.0 == prefix).collect();
            prop_assert_eq!(map.of(prefix).map(|(key, _)| key).collect::<Vec<_>>(), of);
        }
    }

    #[test]
    fn what_is_inside_is_found(keys in prop::collection::vec(any_net(), 0..80), at in any_net()) {
        let at = at.trunc();
        let map: PrefixMap<IpNet, ()> = keys.iter().map(|net| (net.trunc(), ())).collect();
        let inside: Vec<IpNet> = map.keys().filter(|net| at.contains(net)).collect();
        prop_assert_eq!(map.inside(at).map(|(net, ())| net).collect::<Vec<_>>(), inside);
    }
}

#[test]
fn a_key_is_small() {
    assert_eq!(size_of::<Four<()>>(), 8);
    assert_eq!(size_of::<Four<u32>>(), 12);
    assert_eq!(size_of::<Six<()>>(), 24);
    assert_eq!(size_of::<Six<u32>>(), 24);
}

#[test]
fn maps_are_equal_by_what_they_hold() {
    let entries = [(net("10.0.0.0/26"), 1), (net("2001:db8::/64"), 2)];
    let [one, mut other] = [PrefixMap::from(entries), PrefixMap::from(entries)];
    assert_eq!(one, other);
    assert_eq!(other.insert(net("10.0.0.0/26"), 3), Some(1));
    assert_ne!(one, other);
    assert_eq!(other.remove(net("10.0.0.0/26")), Some(3));
    assert_eq!(other.family_mut(Family::Ipv6).count(), 1);
    assert_eq!((other.len(), other.contains(net("10.0.0.0/26"))), (1, false));
    other.retain(|_, value| *value != 2);
    assert!(other.is_empty());
}
