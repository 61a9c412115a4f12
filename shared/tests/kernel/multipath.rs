//! Routes of several next hops: whose they are is told, and they go as a whole.

use shared::kernel::Outcome;
use shared::kernel::fact::Path;
use shared::op::{Op, RouteKind, Side};

use crate::lab::{CALI, addr, all, between, ip, up};

/// Address, next routers and `ip`'s family.
const CASES: [(&str, [&str; 2], &str); 2] = [
    ("10.0.0.5", ["192.0.2.1", "192.0.2.2"], "-4"),
    ("fd00::5", ["2001:db8::1", "2001:db8::2"], "-6"),
];

fn routers() {
    ip(&format!("addr add 192.0.2.9/24 dev {CALI}"));
    ip(&format!("addr add 2001:db8::9/64 dev {CALI} nodad"));
}

#[test]
fn a_route_of_two_next_hops_names_one_and_goes_whole() {
    between(|kernel, _| async move {
        all(&kernel, &up()).await;
        routers();
        for (address, [one, two], family) in CASES {
            let hops = format!("nexthop via {one} dev {CALI} nexthop via {two} dev {CALI}");
            ip(&format!("{family} route add {address} proto bird {hops}"));
            let Ok(Path::Exact(found, Some(link))) = kernel.path(addr(address)).await else {
                panic!("{address} has no path over an interface");
            };
            assert_eq!((found.kind, found.protocol), (RouteKind::Multipath, 12));
            // IPv4's first; which of IPv6's, a hash decides that each boot of the machine makes anew.
            let known = [Some(addr(one)), Some(addr(two)).filter(|two| two.is_ipv6())];
            assert!(known.contains(&found.gateway), "{:?}", found.gateway);
            assert_eq!(link.name.as_str(), CALI);
            assert_eq!(found.destination.addr(), addr(address));
            let gone = Op::DelRoute {
                side: Side::Host,
                route: found,
            };
            assert!(matches!(kernel.apply(&gone).await, Ok(Outcome::Removed(_))));
            let left = ip(&format!("{family} route show {address}"));
            assert_eq!(left, "", "no hop is left");
        }
    });
}

#[test]
fn a_route_by_a_nexthop_object_is_no_route_without_an_interface() {
    between(|kernel, _| async move {
        all(&kernel, &up()).await;
        routers();
        for (number, (address, [one, two], family)) in CASES.into_iter().enumerate() {
            let (first, second, group) = (10 * number + 1, 10 * number + 2, 10 * number + 3);
            for (id, router) in [(first, one), (second, two)] {
                ip(&format!("{family} nexthop add id {id} via {router} dev {CALI}"));
            }
            ip(&format!("nexthop add id {group} group {first}/{second}"));
            ip(&format!("{family} route add {address} nhid {group}"));
            let Ok(Path::Exact(found, _)) = kernel.path(addr(address)).await else {
                panic!("{address} has no path");
            };
            assert_eq!(found.kind, RouteKind::Multipath, "{found}");
        }
    });
}
