//! The pod's and the host's side of a pod, as Calico builds them: routes, names, MACs, neighbours, settings, MTU.

use integration::json::with;
use integration::node::address;
use integration::{Kind, Lab, Pod};
use serde_json::Value;

const HOST_MAC: &str = "ee:ee:ee:ee:ee:ee";

fn lab() -> Lab {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("four", "10.0.0.0/24", 26);
    lab.pool("six", "fd00:66::/112", 122);
    lab
}

fn dual(lab: &Lab) -> Value {
    with(lab.node.conf(), "ipam/assign_ipv6", "true")
}

fn host_interface(result: &Value) -> String {
    result["interfaces"][0]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The lines of a command's output, each without its trailing blanks.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn a_pod_has_calicos_two_routes_and_no_other() {
    let lab = lab();
    let pod = Pod::new("routes");
    lab.node.add(&lab.node.conf(), &pod);
    let routes = lines(&pod.netns.ip("route show"));
    assert_eq!(
        routes,
        [
            "default via 169.254.1.1 dev eth0",
            "169.254.1.1 dev eth0 scope link"
        ]
    );
}

#[test]
fn a_pod_of_both_families_has_the_hosts_link_local_as_its_gateway() {
    let lab = lab();
    let pod = Pod::new("routes6");
    let result = lab.node.add(&dual(&lab), &pod);
    let default = lines(&pod.netns.ip("-6 route show default"));
    assert_eq!(
        default,
        ["default via fe80::ecee:eeff:feee:eeee dev eth0 metric 1024 pref medium"]
    );
    let host = host_interface(&result);
    let linklocal = lab
        .node
        .netns()
        .ip(&format!("-6 address show dev {host} scope link"));
    assert!(linklocal.contains("fe80::ecee:eeff:feee:eeee/64"), "{linklocal}");
    let own = pod.netns.ip("-6 address show dev eth0 scope link");
    assert!(
        own.contains("fe80::"),
        "the pod keeps a link-local address of its own: {own}"
    );
}

#[test]
fn the_host_has_one_link_route_to_the_pod() {
    let lab = lab();
    let pod = Pod::new("host-route");
    let result = lab.node.add(&lab.node.conf(), &pod);
    let host = host_interface(&result);
    let routes = lines(&lab.node.netns().ip(&format!("-details -4 route show dev {host}")));
    assert_eq!(
        routes,
        [format!("unicast {} proto boot scope link", address(&result))]
    );
}

#[test]
fn the_two_ends_are_a_pair_with_calicos_mac_on_the_host() {
    let lab = lab();
    let pod = Pod::new("ends");
    let result = lab.node.add(&lab.node.conf(), &pod);
    let host = lab
        .node
        .netns()
        .ip_json(&format!("link show dev {}", host_interface(&result)));
    assert_eq!(host[0]["address"], HOST_MAC);
    let statistics = pod.netns.command("ethtool").args(["-S", "eth0"]).ok();
    let peer = statistics
        .lines()
        .find_map(|line| line.trim().strip_prefix("peer_ifindex: "));
    assert_eq!(
        peer,
        Some(host[0]["ifindex"].to_string().as_str()),
        "{statistics}"
    );
}

#[test]
fn the_gateway_is_a_permanent_neighbour() {
    let lab = lab();
    let pod = Pod::new("neighbour");
    lab.node.add(&dual(&lab), &pod);
    for gateway in ["169.254.1.1", "fe80::ecee:eeff:feee:eeee"] {
        let text = pod.netns.ip(&format!("neigh show {gateway} dev eth0"));
        assert!(
            text.contains(HOST_MAC) && text.contains("PERMANENT"),
            "{gateway}: {text}"
        );
    }
}

#[test]
fn the_settings_of_the_host_end_are_calicos_and_its_sources_are_checked() {
    let lab = lab();
    let pod = Pod::new("settings");
    let host = host_interface(&lab.node.add(&dual(&lab), &pod));
    let wanted = [
        ("ipv4/conf", "route_localnet", "1"),
        ("ipv4/neigh", "proxy_delay", "0"),
        ("ipv4/conf", "proxy_arp", "1"),
        ("ipv4/conf", "forwarding", "1"),
        ("ipv4/conf", "rp_filter", "1"),
        ("ipv6/conf", "accept_dad", "0"),
        ("ipv6/conf", "accept_ra", "0"),
        ("ipv6/conf", "disable_ipv6", "0"),
        ("ipv6/conf", "proxy_ndp", "1"),
        ("ipv6/conf", "forwarding", "1"),
    ];
    for (family, name, value) in wanted {
        let path = format!("net/{family}/{host}/{name}");
        assert_eq!(lab.node.netns().sysctl(&path), value, "{path}");
    }
}

#[test]
fn the_host_forwards_and_the_pod_does_not_unless_asked() {
    let lab = lab();
    lab.node.netns().set_sysctl("net/ipv4/ip_forward", "0");
    lab.node.netns().set_sysctl("net/ipv6/conf/all/forwarding", "0");
    let pod = Pod::new("plain");
    lab.node.add(&lab.node.conf(), &pod);
    assert_eq!(lab.node.netns().sysctl("net/ipv4/ip_forward"), "1");
    assert_eq!(
        lab.node.netns().sysctl("net/ipv6/conf/all/forwarding"),
        "0",
        "no pod here has an IPv6 address"
    );
    assert_eq!(pod.netns.sysctl("net/ipv4/ip_forward"), "0");
    let asked = with(dual(&lab), "container_settings/allow_ip_forwarding", true);
    let router = Pod::new("router");
    lab.node.add(&asked, &router);
    assert_eq!(lab.node.netns().sysctl("net/ipv6/conf/all/forwarding"), "1");
    assert_eq!(router.netns.sysctl("net/ipv4/ip_forward"), "1");
    assert_eq!(router.netns.sysctl("net/ipv6/conf/all/forwarding"), "1");
}

#[test]
fn an_uplink_that_learns_its_routes_from_advertisements_goes_on_doing_so() {
    let lab = lab();
    lab.node.netns().set_sysctl("net/ipv6/conf/all/forwarding", "0");
    lab.node.netns().set_sysctl("net/ipv6/conf/uplink/accept_ra", "1");
    lab.node.add(&dual(&lab), &Pod::new("ra"));
    assert_eq!(lab.node.netns().sysctl("net/ipv6/conf/uplink/accept_ra"), "2");
}

#[test]
fn the_mtu_is_the_configs_or_that_of_the_way_out() {
    let lab = lab();
    let mtu = |pod: &Pod| pod.netns.ip_json("link show dev eth0")[0]["mtu"].as_u64();
    let asked = Pod::new("asked");
    let result = lab.node.add(&with(lab.node.conf(), "mtu", 1400), &asked);
    assert_eq!(mtu(&asked), Some(1400));
    assert_eq!(result["interfaces"][1]["mtu"], 1400);
    let host = lab
        .node
        .netns()
        .ip_json(&format!("link show dev {}", host_interface(&result)));
    assert_eq!(host[0]["mtu"], 1400);
    lab.node.netns().ip("link set uplink mtu 1450");
    let found = Pod::new("found");
    lab.node.add(&lab.node.conf(), &found);
    assert_eq!(mtu(&found), Some(1450));
}

#[test]
fn a_kubernetes_pods_interface_is_named_after_the_pod() {
    let lab = lab();
    let pod = Pod::kubernetes("default", "myweb-s86sk");
    let result = lab.node.add(&lab.node.conf(), &pod);
    assert_eq!(host_interface(&result), "cali439924adc43");
    assert_eq!(lab.node.host_interfaces(), ["cali439924adc43"]);
    lab.node.del(&lab.node.conf(), &pod);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
}

#[test]
fn an_address_routed_to_another_live_pod_is_a_duplicate_and_is_not_stolen() {
    let lab = lab();
    let (conf, first) = (lab.node.conf(), Pod::new("first"));
    let result = lab.node.add(&conf, &first);
    let theirs = address(&result);
    // The datastore forgets the first pod; the kernel does not.
    lab.node.del(&with(conf.clone(), "type", "cni-ipam"), &first);
    let second = Pod::new("second").with_arg(&format!("IP={theirs}"));
    let failure = lab.node.call("ADD", &conf, &second).run().failure();
    let wanted_by = format!("is wanted by cali{} and in use by", &second.container[..11]);
    failure.says(&[&theirs, &wanted_by, &host_interface(&result)]);
    first.must_reach("192.168.1.4");
    assert_eq!(second.netns.links(), Vec::<String>::new());
}

#[test]
fn a_route_that_nobody_lives_behind_is_replaced() {
    let lab = lab();
    let conf = lab.node.conf();
    lab.node.netns().ip("route add blackhole 10.0.0.9/32 proto 80");
    let pod = Pod::new("nine").with_arg("IP=10.0.0.9");
    lab.node.add(&conf, &pod);
    pod.must_reach("192.168.1.4");
}
