//! What is noticed, and what is not.

use super::*;

fn around() -> Noticed {
    Noticed {
        around: true,
        ..Noticed::default()
    }
}

fn ours(touched: Vec<IpNet>) -> Noticed {
    Noticed {
        ours: touched,
        ..Noticed::default()
    }
}

#[test]
fn our_own_changes_are_not_noticed() {
    alone(|mut kernel| async move {
        let both = "fd00:0::2%east fd00:1::2%west";
        let ops = [
            there("10.1.0.0/26", via("10.0.0.2%east")),
            there("10.1.0.0/26", via("10.0.0.2%east 10.0.1.2%west")),
            there("fd01::/122", via(both)),
            there("fd01::/122", via("fd00:0::3%east")),
            there("10.2.0.0/26", Kind::Blackhole),
            Op::Delete(route("10.1.0.0/26", via("10.0.0.2%east"))),
            Op::Delete(route("fd01::/122", via(both))),
        ];
        assert_eq!(kernel.apply(&ops).await, []);
        assert_eq!(heard(&mut kernel).await, None);
    });
}

#[test]
fn a_route_of_ours_that_somebody_deletes_is_noticed() {
    alone(|mut kernel| async move {
        let ops = [
            there("10.1.0.0/26", via("10.0.0.2%east")),
            there("fd01::/122", via("fd00:0::2%east")),
        ];
        assert_eq!(kernel.apply(&ops).await, []);
        ip("route del 10.1.0.0/26 proto 77");
        ip("-6 route replace fd01::/122 via fd00:1::2 proto 77 metric 2048");
        let touched = vec![net("10.1.0.0/26"), net("fd01::/122")];
        assert_eq!(heard(&mut kernel).await, Some(ours(touched)));
        assert_eq!(heard(&mut kernel).await, None, "once");
    });
}

#[test]
fn a_link_that_goes_down_is_noticed_and_its_routes_are_found_missing() {
    alone(|mut kernel| async move {
        let ops = [there("10.1.0.0/26", via("10.0.0.2%east"))];
        assert_eq!(kernel.apply(&ops).await, []);
        ip("link set east down");
        assert_eq!(heard(&mut kernel).await, Some(around()));
        assert_eq!(kernel.look().await.unwrap().ours, Routes::new());
    });
}

#[test]
fn ipv6_routes_of_ours_that_fall_with_their_link_are_noticed_too() {
    alone(|mut kernel| async move {
        let ops = [there("fd01::/122", via("fd00:0::2%east"))];
        assert_eq!(kernel.apply(&ops).await, []);
        ip("link set east down");
        let both = Noticed {
            around: true,
            ..ours(vec![net("fd01::/122")])
        };
        assert_eq!(heard(&mut kernel).await, Some(both));
    });
}

#[test]
fn others_routes_addresses_and_links_are_noticed_and_a_burst_is_one() {
    alone(|mut kernel| async move {
        for change in [
            "route add 10.9.0.0/24 via 10.0.0.9",
            "route del 10.9.0.0/24",
            "-6 route add fd09::/64 via fd00::9",
            "address add 10.0.0.77/24 dev east",
            "link add north type veth peer name north-far",
        ] {
            ip(change);
            assert_eq!(heard(&mut kernel).await, Some(around()), "{change}");
        }
        ip("link set north up");
        let up = Noticed {
            up: vec!["north".to_owned()],
            ..around()
        };
        assert_eq!(heard(&mut kernel).await, Some(up));
        for last in 0..10 {
            ip(&format!("route add 10.9.{last}.0/24 via 10.0.0.9"));
        }
        assert_eq!(heard(&mut kernel).await, Some(around()));
        assert_eq!(heard(&mut kernel).await, None, "a burst is one");
    });
}

#[test]
fn of_pods_only_what_may_have_lost_a_route_is_noticed_and_of_other_tables_nothing() {
    alone(|mut kernel| async move {
        let pod = Noticed {
            up: vec!["cali0123456789a".to_owned()],
            ..Noticed::default()
        };
        ip("route add 10.9.0.0/24 via 10.0.0.9 table 99");
        // The other end is in a pod's namespace, else.
        ip("link add cali0123456789a type veth peer name cali-far");
        assert_eq!(heard(&mut kernel).await, None);
        ip("link set cali0123456789a up");
        assert_eq!(heard(&mut kernel).await, Some(pod.clone()));
        ip("route add 10.1.0.7 dev cali0123456789a scope link");
        ip("-6 route add fd01::7 dev cali0123456789a");
        assert_eq!(heard(&mut kernel).await, None);
        ip("route del 10.1.0.7 dev cali0123456789a");
        assert_eq!(heard(&mut kernel).await, Some(pod));
    });
}

#[test]
fn what_was_heard_is_told_though_the_listener_was_dropped_meanwhile() {
    alone(|mut kernel| async move {
        ip("route add 10.9.0.0/24 via 10.0.0.9");
        let short = timeout(Duration::from_millis(10), kernel.next()).await;
        assert!(short.is_err(), "not yet: {short:?}");
        assert_eq!(heard(&mut kernel).await, Some(around()));
    });
}

#[test]
fn notices_that_there_was_no_room_for_are_a_loss() {
    alone(|mut kernel| async move {
        // Each notice takes about a kilobyte of the room.
        let lines = |word: &str| -> String {
            let line = |index: u32| {
                let destination = std::net::Ipv4Addr::from_bits((21 << 24) + index);
                format!("route {word} {destination}/32 via 10.0.0.9\n")
            };
            (0..20_000).map(line).collect()
        };
        let batch = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(batch.path(), lines("add") + &lines("del")).unwrap();
        ip(&format!("-batch {}", batch.path().display()));
        assert!(heard(&mut kernel).await.is_some_and(|noticed| noticed.lost));
        while heard(&mut kernel).await.is_some() {}
        ip("route add 10.9.0.0/24 via 10.0.0.9");
        assert_eq!(heard(&mut kernel).await, Some(around()), "and it goes on");
    });
}
