//! Changes, and that a look finds just what was asked for.

use std::net::Ipv4Addr;

use super::*;
use crate::fib::BLACKHOLE;

#[test]
fn routes_come_change_and_go_in_both_families() {
    alone(|kernel| async move {
        for (destination, one, other) in [
            ("10.1.0.0/26", "10.0.0.2%east", "10.0.1.2%west"),
            ("fd01::/122", "fd00:0::2%east", "fd00:1::2%west"),
            ("fd02::/122", "fe80::2%east", "fe80::2%west"),
            ("0.0.0.0/0", "10.0.0.2%east", "10.0.1.2%west"),
            ("::/0", "fd00:0::2%east", "fd00:1::2%west"),
        ] {
            reach(&kernel, &table([route(destination, via(one))])).await;
            reach(&kernel, &table([route(destination, via(other))])).await;
            reach(
                &kernel,
                &table([route(destination, via(&format!("{one} {other}")))]),
            )
            .await;
            reach(&kernel, &table([route(destination, via(other))])).await;
            reach(&kernel, &table([route(destination, Kind::Blackhole)])).await;
            reach(
                &kernel,
                &table([route(destination, via(&format!("{one} {other}")))]),
            )
            .await;
            reach(&kernel, &Routes::new()).await;
        }
    });
}

#[test]
fn ip_prints_them_with_our_number_and_metric() {
    alone(|kernel| async move {
        let mut hole = route("10.1.0.0/26", Kind::Blackhole);
        hole.metric = BLACKHOLE;
        let ops = [
            Op::Replace(hole),
            there("10.1.0.0/26", via("10.0.0.2%east")),
            there("fd01::/122", via("fd00:0::2%east fd00:1::2%west")),
            there("10.1.1.0/26", via("%east")),
        ];
        assert_eq!(kernel.apply(&ops).await, []);
        let four = ip("-4 route show proto 77");
        for line in [
            "blackhole 10.1.0.0/26 metric 4096",
            "10.1.0.0/26 via 10.0.0.2 dev east metric 2048",
            "10.1.1.0/26 dev east scope link metric 2048",
        ] {
            assert!(four.lines().any(|one| one.trim() == line), "{line}: {four}");
        }
        let six = ip("-6 route show proto 77");
        assert!(six.starts_with("fd01::/122 metric 2048"), "{six}");
        for line in [
            "nexthop via fd00::2 dev east weight 1",
            "nexthop via fd00:1::2 dev west weight 1",
        ] {
            assert!(six.contains(line), "{line}: {six}");
        }
    });
}

#[test]
fn a_set_of_next_hops_is_replaced_at_once_and_leaves_none_behind() {
    alone(|kernel| async move {
        for (destination, before, after) in [
            (
                "10.1.0.0/26",
                "10.0.0.2%east 10.0.0.3%east 10.0.1.2%west",
                "10.0.0.3%east 10.0.1.4%west",
            ),
            (
                "fd01::/122",
                "fd00:0::2%east fd00:0::3%east fd00:1::2%west",
                "fd00:0::3%east fd00:1::4%west",
            ),
        ] {
            reach(&kernel, &table([route(destination, via(before))])).await;
            let plan = diff(
                &table([route(destination, via(after))]),
                &kernel.look().await.unwrap().ours,
                None,
            );
            assert_eq!(plan.learned, [there(destination, via(after))]);
            assert_eq!(plan.remove, [], "one change, nothing deleted meanwhile");
            assert_eq!(kernel.apply(&plan.learned).await, []);
            let ours = kernel.look().await.unwrap().ours;
            assert_eq!(ours, table([route(destination, via(after))]));
            reach(&kernel, &Routes::new()).await;
        }
    });
}

#[test]
fn what_is_refused_is_named_with_the_reason_and_the_rest_is_done() {
    alone(|kernel| async move {
        let unreachable = there("10.1.1.0/26", via("172.31.0.1%east"));
        let elsewhere = there("10.1.2.0/26", via("10.0.0.2%north"));
        let ops = [
            there("10.1.0.0/26", via("10.0.0.2%east")),
            unreachable.clone(),
            elsewhere.clone(),
            Op::Delete(route("10.1.9.0/26", Kind::Blackhole)),
            Op::Delete(route("fd09::/122", Kind::Blackhole)),
            there("10.1.3.0/26", Kind::Via([].into())),
            there("10.1.4.0/26", via("10.0.0.2%east")),
        ];
        let refused = kernel.apply(&ops).await;
        let texts: Vec<_> = refused.iter().map(|(op, why)| format!("{op}: {why}")).collect();
        assert_eq!(
            texts,
            [
                "replace 10.1.2.0/26 via 10.0.0.2 dev north metric 2048: interface north: No such device",
                "replace 10.1.3.0/26 metric 2048: no next hop",
                "replace 10.1.1.0/26 via 172.31.0.1 dev east metric 2048: Network is unreachable: \
                 Nexthop has invalid gateway",
            ]
        );
        let ours = kernel.look().await.unwrap().ours;
        let kept = ["10.1.0.0/26", "10.1.4.0/26"].map(|to| route(to, via("10.0.0.2%east")));
        assert_eq!(ours, table(kept));
    });
}

#[test]
fn a_gateway_that_others_call_on_link_is_on_link_for_us() {
    alone(|kernel| async move {
        ip("route add default via 172.31.0.1 dev east onlink");
        let wanted = table([
            route("10.1.0.0/26", via("172.31.0.1%east")),
            route("10.1.1.0/26", via("172.31.0.1%east 10.0.1.2%west")),
        ]);
        reach(&kernel, &wanted).await;
    });
}

#[test]
fn others_routes_are_not_touched_by_a_deletion_of_ours() {
    alone(|kernel| async move {
        ip("route add 10.1.0.0/26 via 10.0.0.2 metric 2048 proto static");
        let gone = Op::Delete(route("10.1.0.0/26", via("10.0.0.2%east")));
        assert_eq!(kernel.apply(&[gone]).await, []);
        assert!(ip("route show 10.1.0.0/26").contains("proto static"));
        assert_eq!(kernel.look().await.unwrap().ours, Routes::new());
    });
}

#[test]
fn twenty_thousand_routes_are_carried_out_and_found_again() {
    const COUNT: u32 = 20_000;
    alone(|mut kernel| async move {
        let net = |index: u32| IpNet::new(Ipv4Addr::from_bits((20 << 24) + (index << 6)).into(), 26).unwrap();
        let wanted: Routes = (0..COUNT)
            .map(|index| ((net(index), LEARNED), via("10.0.0.2%east 10.0.1.2%west")))
            .collect();
        let plan = diff(&wanted, &Routes::new(), None);
        let start = tokio::time::Instant::now();
        assert_eq!(kernel.apply(&plan.learned).await, []);
        let applied = start.elapsed();
        let ours = kernel.look().await.unwrap().ours;
        println!(
            "{COUNT} routes: applied in {applied:?}, found in {:?}",
            start.elapsed() - applied
        );
        assert_eq!(u32::try_from(ours.len()), Ok(COUNT));
        assert!(diff(&wanted, &ours, None).is_empty());
        assert_eq!(heard(&mut kernel).await, None, "they are our own");
    });
}
