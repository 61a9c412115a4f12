//! A real pod between two fresh namespaces: it is Calico's, it reaches what it should and nothing else.

use super::lab::{Space, add, check, holds, host, on_a_host, wiring};
use super::run;
use crate::observe::{Target, observe};
use crate::plan;
use crate::wiring::Wiring;

mod lifecycle;

/// As patient as a busy machine needs; an answer ends it at once.
const PING: &str = "ping -c1 -W20 -q";

/// An uplink with a default route behind it.
fn uplink() {
    host("ip link add uplink type veth peer name wire");
    host("ip addr add 192.0.2.4/24 dev uplink; ip link set wire up; ip link set uplink up");
    host("ip route add default via 192.0.2.1");
}

fn ipv4_routes_are_calicos(pod: &Space) {
    assert_eq!(
        pod.out("ip -4 route"),
        "default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link \n"
    );
    assert_eq!(host("ip -4 route"), "10.0.0.5 dev cali1 scope link \n");
}

fn ipv6_routes_are_calicos(pod: &Space) {
    let default = "default via fe80::ecee:eeff:feee:eeee dev eth0 metric 1024 pref medium\n";
    assert_eq!(pod.out("ip -6 route show default"), default);
    assert_eq!(
        pod.out("ip -6 route show fd00::5"),
        "fd00::5 dev eth0 proto kernel metric 256 pref medium\n"
    );
    assert_eq!(
        host("ip -6 route show fd00::5"),
        "fd00::5 dev cali1 metric 1024 pref medium\n"
    );
    let lan = "ip -6 route | grep fe80::/64";
    assert_eq!(
        pod.out(lan),
        "fe80::/64 dev eth0 proto kernel metric 256 pref medium\n"
    );
}

/// None is still looked for on the link.
fn addresses_are_calicos(pod: &Space) {
    assert!(
        !pod.out("ip -6 addr").contains("tentative"),
        "{}",
        pod.out("ip -6 addr")
    );
    let host_end = host("ip -6 -br addr show cali1");
    assert!(host_end.contains(" fe80::ecee:eeff:feee:eeee/64"), "{host_end}");
    assert!(!host("ip -6 addr").contains("tentative"));
    assert!(
        pod.out("ip -br addr show eth0")
            .contains(" 10.0.0.5/32 fd00::5/128 fe80::")
    );
}

#[test]
fn a_dual_stack_pod_looks_exactly_like_calicos() {
    on_a_host(|| async {
        let pod = Space::new();
        let kernel = pod.kernel();
        let wiring = wiring("cali1", &["10.0.0.5", "fd00::5"]);
        let applied = add(&kernel, &wiring).await.unwrap();
        assert_eq!(applied.warnings, Vec::<String>::new());
        ipv4_routes_are_calicos(&pod);
        ipv6_routes_are_calicos(&pod);
        addresses_are_calicos(&pod);
        assert_eq!(
            pod.out("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"),
            "0\n0\n"
        );
        assert_eq!(check(&kernel, &wiring).await, Vec::<String>::new());
    });
}

#[test]
fn a_pod_whose_new_interfaces_have_no_ipv6_gets_it() {
    on_a_host(|| async {
        let pod = Space::new();
        pod.out("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
        let kernel = pod.kernel();
        add(&kernel, &wiring("cali1", &["fd00::5"])).await.unwrap();
        let eth0 = pod.out("ip -6 -br addr show eth0");
        assert!(eth0.contains(" fd00::5/128 fe80::"), "{eth0}");
    });
}

#[test]
fn host_and_pods_reach_each_other() {
    on_a_host(|| async {
        uplink();
        let (one, two) = (Space::new(), Space::new());
        let first = wiring("cali1", &["10.0.0.5", "fd00::5"]);
        let second = wiring("cali2", &["10.0.0.6", "fd00::6"]);
        add(&one.kernel(), &first).await.unwrap();
        add(&two.kernel(), &second).await.unwrap();
        for address in ["10.0.0.5", "10.0.0.6", "fd00::5", "fd00::6"] {
            host(&format!("{PING} {address}"));
        }
        one.out(&format!("{PING} 192.0.2.4 && {PING} 10.0.0.6 && {PING} fd00::6"));
        two.out(&format!("{PING} 192.0.2.4 && {PING} 10.0.0.5 && {PING} fd00::5"));
    });
}

#[test]
fn a_pod_needs_neither_proxy_arp_nor_the_neighbour_entry_alone() {
    on_a_host(|| async {
        let pod = Space::new();
        add(&pod.kernel(), &wiring("cali1", &["10.0.0.5"])).await.unwrap();
        host("ip addr add 192.0.2.4/32 dev lo");
        pod.out(&format!("{PING} 192.0.2.4"));
        assert!(
            !holds("ip route get 169.254.1.1"),
            "without a default route proxy ARP has nothing to say"
        );
        host("sysctl -qw net.ipv4.conf.cali1.proxy_arp=0");
        pod.out(&format!("{PING} 192.0.2.4"));
        pod.out("ip neigh del 169.254.1.1 dev eth0");
        assert!(
            !pod.sh("ping -c1 -W1 -q 192.0.2.4").status.success(),
            "with neither there is no gateway"
        );
        uplink();
        host("sysctl -qw net.ipv4.conf.cali1.proxy_arp=1");
        pod.out("ip neigh flush dev eth0");
        pod.out(&format!("{PING} 192.0.2.4"));
    });
}

#[test]
fn a_pod_cannot_send_with_another_pods_address() {
    on_a_host(|| async {
        host("ip addr add 192.0.2.4/32 dev lo");
        let (one, two) = (Space::new(), Space::new());
        let kernel = one.kernel();
        let first = wiring("cali1", &["10.0.0.5"]);
        add(&kernel, &first).await.unwrap();
        add(&two.kernel(), &wiring("cali2", &["10.0.0.6"])).await.unwrap();
        let echoes = || host("awk '/^Icmp: [0-9]/ {print $10}' /proc/net/snmp");
        let spoof = || {
            let before = echoes();
            one.sh("ip addr add 10.0.0.6/32 dev eth0; ping -c1 -W1 -q -I 10.0.0.6 192.0.2.4");
            echoes() != before
        };
        assert!(!spoof(), "the host took another pod's address from this pod");
        let free = Wiring {
            rp_filter: Some(false),
            ..first
        };
        let seen = observe(&kernel, &Target::from(&free)).await.unwrap();
        run(&kernel, &plan::diff(&seen, Some(&free)).unwrap(), None)
            .await
            .unwrap();
        assert!(
            (0..20).any(|_| spoof()),
            "with allowed source prefixes it would have been taken: the test sees the difference"
        );
    });
}

#[test]
fn forwarding_comes_after_every_listener_to_router_advertisements_was_told_to_stay() {
    on_a_host(|| async {
        uplink();
        host(
            "sysctl -qw net.ipv6.conf.all.forwarding=0 net.ipv6.conf.uplink.accept_ra=1 net.ipv6.conf.wire.accept_ra=0",
        );
        let pod = Space::new();
        add(&pod.kernel(), &wiring("cali1", &["fd00::5"])).await.unwrap();
        let values = |names: &str| host(&format!("sysctl -n {names}"));
        let all = "net.ipv6.conf.all.forwarding net.ipv6.conf.uplink.accept_ra net.ipv6.conf.wire.accept_ra";
        assert_eq!(values(all), "1\n2\n0\n");
        assert_eq!(
            values("net.ipv6.conf.cali1.accept_ra net.ipv6.conf.cali1.accept_dad"),
            "0\n0\n"
        );
    });
}
