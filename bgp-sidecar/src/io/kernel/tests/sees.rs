//! What a look shows of others, and forwarding.

use super::*;
use crate::fib::{Reason, resolve};

/// Where it leads: `gateway%link`, sorted; or why nowhere.
async fn way(kernel: &Kernel, next_hop: &str) -> Result<String, Reason> {
    let table = kernel.look().await.unwrap().table;
    let resolved = resolve(addr(next_hop), &table).map_err(|unresolved| unresolved.reason)?;
    let text = |hop: &Hop| format!("{}%{}", hop.gateway.unwrap(), hop.interface.as_ref().unwrap());
    let mut hops: Vec<_> = resolved.hops.iter().map(text).collect();
    hops.sort();
    Ok(hops.join(" "))
}

async fn check(kernel: &Kernel, next_hop: &str, expected: Result<&str, Reason>) {
    assert_eq!(
        way(kernel, next_hop).await,
        expected.map(str::to_owned),
        "{next_hop}"
    );
}

#[test]
fn next_hops_resolve_through_what_the_kernel_holds() {
    alone(|kernel| async move {
        ip("route add 10.5.0.0/24 nexthop via 10.0.0.9 dev east nexthop via 10.0.1.9 dev west");
        ip("-6 route add fd05::/64 nexthop via fd00::9 dev east nexthop via fe80::9 dev west");
        ip("route add 10.6.0.0/24 via inet6 fe80::6 dev west");
        ip("route add unreachable 10.7.0.0/24");
        ip("nexthop add id 5 via 10.0.0.8 dev east");
        ip("route add 10.8.0.0/24 nhid 5");
        ip("link add cali1 type veth peer name cali2");
        ip("link set cali1 up");
        ip("link set cali2 up");
        ip("route add 10.3.0.7 dev cali1 scope link");
        check(&kernel, "10.0.0.5", Ok("10.0.0.5%east")).await;
        check(&kernel, "fd00:1::5", Ok("fd00:1::5%west")).await;
        check(&kernel, "10.5.0.1", Ok("10.0.0.9%east 10.0.1.9%west")).await;
        check(&kernel, "fd05::1", Ok("fd00::9%east fe80::9%west")).await;
        check(&kernel, "10.6.0.1", Ok("fe80::6%west")).await;
        check(&kernel, "10.7.0.1", Err(Reason::Dropped(net("10.7.0.0/24")))).await;
        check(&kernel, "10.8.0.1", Ok("10.0.0.8%east")).await;
        check(&kernel, "10.3.0.7", Err(Reason::Pod("cali1".into()))).await;
        check(&kernel, "10.0.0.1", Err(Reason::Ourselves)).await;
        check(&kernel, "192.0.2.1", Err(Reason::NoRoute)).await;
        let wanted = table([route("10.1.0.0/26", via("fe80::6%west"))]);
        reach(&kernel, &wanted).await;
    });
}

#[test]
fn a_next_hop_whose_link_has_no_carrier_is_left_out() {
    alone(|kernel| async move {
        ip("route add 10.5.0.0/24 nexthop via 10.0.0.9 dev east nexthop via 10.0.1.9 dev west");
        ip("route add 10.6.0.0/24 via 10.0.0.9");
        ip("route add default via 10.0.1.9");
        ip("link set east-far down");
        check(&kernel, "10.5.0.1", Ok("10.0.1.9%west")).await;
        check(&kernel, "10.6.0.1", Err(Reason::NoRoute)).await;
        check(&kernel, "10.0.0.5", Err(Reason::NoRoute)).await;
        ip("link set east down");
        check(&kernel, "10.5.0.1", Ok("10.0.1.9%west")).await;
    });
}

#[test]
fn our_routes_are_not_among_the_others() {
    alone(|kernel| async move {
        let before = kernel.look().await.unwrap();
        let ops = [there("10.1.0.0/26", via("10.0.0.2%east"))];
        assert_eq!(kernel.apply(&ops).await, []);
        let after = kernel.look().await.unwrap();
        assert_eq!(after.table, before.table);
        assert_eq!(after.ours.len(), 1);
    });
}

#[test]
fn interfaces_come_with_their_addresses() {
    alone(|kernel| async move {
        ip("address add 10.0.0.11/24 dev east");
        ip("address add fd00::11/64 dev east preferred_lft 0");
        ip("address add 10.4.0.1 peer 10.4.0.2/32 dev west");
        ip("link set west down");
        let seen = kernel.look().await.unwrap();
        let link = |name: &str| seen.facts.iter().find(|one| one.name == name).unwrap();
        let east = |text: &str| {
            let found = link("east").addresses.iter().find(|one| one.net == net(text));
            found.map(|one| (one.secondary, one.usable))
        };
        assert!(link("east").up && !link("west").up);
        assert_eq!(east("10.0.0.1/24"), Some((false, true)));
        assert_eq!(east("10.0.0.11/24"), Some((true, true)));
        assert_eq!(east("fd00::1/64"), Some((false, true)));
        assert_eq!(east("fd00::11/64"), Some((false, false)), "deprecated");
        assert!(seen.addresses.contains(&net("10.4.0.1/32")), "our end of it");
        assert!(!seen.addresses.contains(&net("10.4.0.2/32")), "not the far one");
        assert!(seen.addresses.contains(&net("127.0.0.1/8")));
    });
}

#[test]
fn a_fresh_namespace_shows_nothing_and_is_no_error() {
    let body = || async {
        unshare(CloneFlags::CLONE_NEWNET).expect("root");
        let kernel = Kernel::open().await.unwrap();
        let seen = kernel.look().await.unwrap();
        assert_eq!((seen.ours, seen.addresses), (Routes::new(), Vec::new()));
        assert_eq!(kernel.source_towards(addr("10.0.0.1")).await, Ok(None));
        assert_eq!(kernel.source_towards(addr("fd00::1")).await, Ok(None));
        assert_eq!(kernel.apply(&[]).await, []);
    };
    alone(move |_| body());
}

#[test]
fn the_kernel_says_where_it_would_send_from() {
    alone(|kernel| async move {
        ip("route add 10.5.0.0/24 via 10.0.1.9");
        ip("route add unreachable 10.7.0.0/24");
        ip("-6 route add unreachable fd07::/64");
        for (destination, source) in [
            ("10.5.0.1", Some("10.0.1.1")),
            ("10.0.0.9", Some("10.0.0.1")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("fd00:1::9", Some("fd00:1::1")),
            ("192.0.2.1", None),
            ("2001:db8::1", None),
            ("10.7.0.1", None),
            ("fd07::1", None),
        ] {
            let found = kernel.source_towards(addr(destination)).await;
            assert_eq!(found, Ok(source.map(addr)), "{destination}");
        }
    });
}

#[test]
fn forwarding_is_switched_on_where_it_is_off_and_only_there() {
    alone(|kernel| async move {
        let sysctls = std::path::Path::new("/proc/sys");
        let write = |key: &str, value: &str| std::fs::write(sysctls.join(key), value).unwrap();
        write("net/ipv4/ip_forward", "0");
        write("net/ipv6/conf/all/forwarding", "0");
        for (name, value) in [("east", "1"), ("east-far", "0"), ("west", "0"), ("west-far", "2")] {
            write(&format!("net/ipv6/conf/{name}/accept_ra"), value);
        }
        assert_eq!(
            kernel.forwarding(sysctls, false),
            Ok(vec!["net.ipv4.ip_forward=1".to_owned()])
        );
        assert_eq!(kernel.forwarding(sysctls, false), Ok(Vec::new()));
        let written = ["net.ipv6.conf.east.accept_ra=2", "net.ipv6.conf.all.forwarding=1"];
        assert_eq!(
            kernel.forwarding(sysctls, true),
            Ok(written.map(str::to_owned).to_vec())
        );
        assert_eq!(kernel.forwarding(sysctls, true), Ok(Vec::new()));
    });
}

#[test]
fn a_route_whose_next_hops_the_kernel_hides_leads_nowhere() {
    alone(|kernel| async move {
        std::fs::write("/proc/sys/net/ipv4/nexthop_compat_mode", "0").unwrap();
        ip("nexthop add id 5 via 10.0.0.8 dev east");
        ip("route add 10.8.0.0/24 nhid 5");
        ip("route add default via 10.0.1.9");
        check(&kernel, "10.8.0.1", Err(Reason::NoRoute)).await;
    });
}
