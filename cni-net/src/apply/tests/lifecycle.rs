//! A real pod comes, is checked, comes again, fails halfway and goes.

use shared::kernel::fact::Path;
use shared::op::{Op, Route, Side};

use super::uplink;
use crate::apply::lab::{Space, add, check, holds, host, host_state, on_a_host, wiring};
use crate::apply::run;
use crate::observe::{Target, observe};
use crate::plan;

const FORWARDING: &str = "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1";

/// What is done on the host, what in the pod, and what CHECK says then.
const DAMAGES: [(&str, &str, &str); 8] = [
    (
        "ip link set cali1 mtu 1400",
        "",
        "host: set mtu of cali1 to 1450 (is 1400)",
    ),
    (
        "",
        "ip addr del 10.0.0.5/32 dev eth0",
        "pod: add address 10.0.0.5/32 to eth0",
    ),
    (
        "",
        "ip addr del fd00::5/128 dev eth0",
        "pod: add address fd00::5/128 to eth0",
    ),
    (
        "",
        "ip route del default",
        "pod: add route default via 169.254.1.1 dev eth0",
    ),
    (
        "ip route del 10.0.0.5",
        "",
        "host: add route 10.0.0.5/32 dev cali1 scope link",
    ),
    (
        "ip -6 route del fd00::5",
        "",
        "host: add route fd00::5/128 dev cali1 scope link",
    ),
    (
        "sysctl -qw net.ipv4.conf.cali1.proxy_arp=0",
        "",
        "host: set net/ipv4/conf/cali1/proxy_arp to 1",
    ),
    (
        "sysctl -qw net.ipv4.ip_forward=0",
        "",
        "host: set net/ipv4/ip_forward to 1",
    ),
];

#[test]
fn check_names_whatever_is_taken_away_and_its_diff_repairs_it() {
    on_a_host(|| async {
        host(FORWARDING);
        let pod = Space::new();
        let kernel = pod.kernel();
        let wiring = wiring("cali1", &["10.0.0.5", "fd00::5"]);
        add(&kernel, &wiring).await.unwrap();
        for (on_host, in_pod, difference) in DAMAGES {
            host(on_host);
            pod.out(in_pod);
            let said = check(&kernel, &wiring).await;
            assert!(
                said.iter().any(|text| text == difference),
                "{difference}: {said:?}"
            );
            let seen = observe(&kernel, &Target::from(&wiring)).await.unwrap();
            let ops = plan::diff(&seen, Some(&wiring)).unwrap();
            run(&kernel, &ops, None).await.unwrap();
            assert_eq!(check(&kernel, &wiring).await, Vec::<String>::new());
        }
        host("ip link del cali1");
        assert_eq!(check(&kernel, &wiring).await.len(), 1);
    });
}

#[test]
fn a_failure_after_any_step_leaves_host_and_pod_as_they_were() {
    on_a_host(|| async {
        host(FORWARDING);
        host("ip route add blackhole 10.0.0.0/26 proto 77 metric 4096");
        host("ip route add blackhole 10.0.0.5/32 proto 77 metric 4096");
        let pod = Space::new();
        pod.out("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1");
        let kernel = pod.kernel();
        let wiring = wiring("cali1", &["10.0.0.5", "fd00::5"]);
        let inside = || {
            pod.out(
                "ip -d link; ip addr; ip route; ip -6 route; ip neigh; sysctl -a -r 'forward|disable_ipv6'",
            )
        };
        let before = (host_state(), inside());
        let seen = observe(&kernel, &Target::from(&wiring)).await.unwrap();
        let ops = plan::diff(&seen, Some(&wiring)).unwrap();
        for step in 0..ops.len() {
            let error = run(&kernel, &ops, Some(step)).await.unwrap_err();
            assert_eq!(error.to_string(), format!("fault injected after step {step}"));
            let after = (host_state(), inside());
            assert_eq!(after, before, "after step {step}, before {}", ops[step]);
        }
        let applied = run(&kernel, &ops, None).await.unwrap();
        assert_eq!(applied.steps, ops.len());
        assert!(!host("ip route").contains("blackhole 10.0.0.5"));
        applied.undo(&kernel).await.unwrap();
        assert_eq!((host_state(), inside()), before);
    });
}

#[test]
fn a_repeated_add_rebuilds_and_a_repeated_del_finds_nothing() {
    on_a_host(|| async {
        let pod = Space::new();
        let kernel = pod.kernel();
        let again = wiring("cali1", &["10.0.0.6"]);
        add(&kernel, &wiring("cali1", &["10.0.0.5"])).await.unwrap();
        let mac = pod.out("cat /sys/class/net/eth0/address || true") + &pod.out("ip link show eth0");
        add(&kernel, &again).await.unwrap();
        assert_ne!(
            mac,
            pod.out("cat /sys/class/net/eth0/address || true") + &pod.out("ip link show eth0")
        );
        assert_eq!(host("ip -4 route"), "10.0.0.6 dev cali1 scope link \n");
        host("ip link set cali1 name cali9");
        let error = add(&kernel, &again).await.unwrap_err();
        assert!(
            error.starts_with("interface eth0 exists in the pod's network namespace"),
            "{error}"
        );
        host("ip link set cali9 name cali1; ip link set cali1 up");
        let target = Target::from(&again);
        for expected in [1, 0] {
            let ops = plan::diff(&observe(&kernel, &target).await.unwrap(), None).unwrap();
            assert_eq!(ops.len(), expected, "{ops:?}");
            run(&kernel, &ops, None).await.unwrap();
        }
        assert!(!holds("ip link show cali1") && !pod.sh("ip link show eth0").status.success());
        assert_eq!(host("ip -4 route"), "");
    });
}

#[test]
fn a_live_pods_address_is_refused_and_a_dead_ones_is_taken() {
    on_a_host(|| async {
        let (one, two) = (Space::new(), Space::new());
        let first = one.kernel();
        add(&first, &wiring("cali1", &["10.0.0.5", "fd00::5"]))
            .await
            .unwrap();
        let second = two.kernel();
        let addresses = wiring("cali1", &["10.0.0.5"]).addresses;
        let before = host("ip route; ip -6 route | grep -v fe80; ls /proc/sys/net/ipv4/conf");
        for address in ["10.0.0.5", "fd00::5"] {
            let error = add(&second, &wiring("cali2", &[address])).await.unwrap_err();
            let text = format!("address {address} is wanted by cali2 and in use by cali1 ");
            assert!(error.starts_with(&text), "{error}");
        }
        assert_eq!(
            host("ip route; ip -6 route | grep -v fe80; ls /proc/sys/net/ipv4/conf"),
            before
        );
        drop((first, one));
        // Our own socket inside was its last user, and the kernel takes a moment to let go of that. From then
        // on, and long before the interface is swept away, the address is free.
        let alive = |path| matches!(path, Path::Exact(_, Some(link)) if !link.is_orphaned());
        while alive(second.path(addresses[0]).await.unwrap()) {
            tokio::task::yield_now().await;
        }
        let taken = wiring("cali2", &["10.0.0.5", "fd00::5"]);
        add(&second, &taken).await.unwrap();
        assert_eq!(check(&second, &taken).await, Vec::<String>::new());
    });
}

#[test]
fn a_route_of_our_own_protocol_gives_way_and_comes_back() {
    on_a_host(|| async {
        uplink();
        host("ip route add 10.0.0.5/32 via 192.0.2.1 proto 77 metric 2048");
        let before = host("ip route");
        let pod = Space::new();
        let kernel = pod.kernel();
        let applied = add(&kernel, &wiring("cali1", &["10.0.0.5"])).await.unwrap();
        assert_eq!(host("ip route show 10.0.0.5"), "10.0.0.5 dev cali1 scope link \n");
        applied.undo(&kernel).await.unwrap();
        assert_eq!(host("ip route"), before);
    });
}

#[test]
fn somebody_faster_is_reported_as_such() {
    on_a_host(|| async {
        let pod = Space::new();
        let kernel = pod.kernel();
        let wiring = wiring("cali1", &["10.0.0.5"]);
        add(&kernel, &wiring).await.unwrap();
        let code = async |op: Op| run(&kernel, &[op], None).await.unwrap_err().code();
        assert_eq!(code(Op::AddVeth(wiring.veth())).await, 174);
        let route = wiring.host_route("10.0.0.5".parse().unwrap());
        assert_eq!(
            code(Op::AddRoute {
                side: Side::Host,
                route
            })
            .await,
            171
        );
        let route = Route::direct("10.0.0.7/32".parse().unwrap(), "cali7");
        assert_eq!(
            code(Op::AddRoute {
                side: Side::Host,
                route
            })
            .await,
            170
        );
    });
}
