//! Who a node says it is: Calico's variables with their whole syntax, on a machine with two networks and service addresses.

use std::path::PathBuf;

use integration::apiserver::ApiServer;
use integration::dns::Dns;
use integration::sidecar::{Around, Sidecar};
use integration::wait::eventually;
use integration::{Kind, Lab};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, ONE6};

const NODE: &str = "/calico/resources/v3/projectcalico.org/nodes/worker01";
const SECOND: &str = "10.44.0.4";
const SECOND6: &str = "fd00:44::4";

/// A node with a second network, `second`, made after its uplink, which has service addresses before and after the node's own; 10.55.0.0/16 and
/// fd00:55::/64 are behind it.
pub(super) fn two_networks() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    let node = lab.node.netns();
    // Whatever number the uplink has brought along from its birthplace.
    node.ip("link add second index 901 type veth peer name behind index 900");
    node.ip("link set behind up");
    node.ip("address add 10.44.0.100/32 dev second");
    node.ip(&format!("address add {SECOND}/24 dev second"));
    node.ip("address add 10.44.0.99/24 dev second");
    node.ip("address add fd00:44::100/128 dev second nodad");
    node.ip(&format!("address add {SECOND6}/64 dev second nodad"));
    node.ip("link set second up");
    node.ip("route add 10.55.0.0/16 via 10.44.0.1");
    node.ip("route add fd00:55::/64 via fd00:44::1");
    lab
}

/// The record that a sidecar with these variables makes.
pub(super) fn registered(lab: &Lab, more: &Value, around: &Around) -> Value {
    lab.etcd().delete(NODE);
    let mut sidecar = Sidecar::start_in(lab, &lab.node, more, around);
    let record = eventually("the node is registered", || {
        sidecar.must_live();
        lab.etcd().get(NODE)
    });
    sidecar.stop();
    record
}

/// The record's addresses, `-` for none.
pub(super) fn addresses(record: &Value) -> [&str; 2] {
    ["ipv4Address", "ipv6Address"].map(|field| record["spec"]["bgp"][field].as_str().unwrap_or("-"))
}

pub(super) fn with_variables(lab: &Lab, variables: &[(&str, &str)], expected: [&str; 2]) {
    let record = registered(lab, &json!({}), &Around::variables(variables));
    assert_eq!(addresses(&record), expected, "{variables:?}: {record}");
}

#[test]
fn an_address_is_found_by_every_method_and_never_a_service_address() {
    let lab = two_networks();
    let (first, second) = (format!("{ONE}/24"), format!("{SECOND}/24"));
    let method = "IP_AUTODETECTION_METHOD";
    // Calico's first is the interface that was made last.
    with_variables(&lab, &[], [&second, "-"]);
    let told = [("IP", "autodetect"), (method, "first-found")];
    with_variables(&lab, &told, [&second, "-"]);
    with_variables(&lab, &[(method, "skip-interface=sec.*")], [&first, "-"]);
    for text in [
        "interface=nosuch.*, sec.*d",
        "interface=second",
        "skip-interface=up.*,nosuch",
        "cidr=10.9.0.0/16,10.40.0.0/13",
        "can-reach=10.55.0.9",
    ] {
        with_variables(&lab, &[(method, text)], [&second, "-"]);
    }
    // What is down is nobody's address.
    lab.node.netns().ip("link set second down");
    with_variables(&lab, &told, [&first, "-"]);
}

#[test]
fn ipv6_is_found_where_it_is_asked_for_and_a_family_can_be_left_out() {
    let lab = two_networks();
    let six = format!("{SECOND6}/64");
    let method = "IP6_AUTODETECTION_METHOD";
    for text in [
        "interface=second",
        "skip-interface=uplink",
        "cidr=fd00:44::/32",
        "can-reach=fd00:55::9",
    ] {
        with_variables(
            &lab,
            &[("IP", "none"), ("IP6", "autodetect"), (method, text)],
            ["-", &six],
        );
    }
    let both = [("IP", "10.44.0.4"), ("IP6", ONE6)];
    with_variables(&lab, &both, [&format!("{SECOND}/24"), &format!("{ONE6}/64")]);
    with_variables(&lab, &[("IP", "10.44.0.4/16")], ["10.44.0.4/16", "-"]);
}

#[test]
fn an_as_is_registered_however_it_is_written() {
    let lab = two_networks();
    for (text, number) in [
        ("64512", 64_512),
        ("4200002024", 4_200_002_024_u64),
        ("64086.61928", 4_200_002_024),
    ] {
        let record = registered(&lab, &json!({}), &Around::variables(&[("AS", text)]));
        assert_eq!(
            record["spec"]["bgp"]["asNumber"],
            json!(number),
            "{text}: {record}"
        );
    }
    let record = registered(
        &lab,
        &json!({}),
        &Around::variables(&[("CALICO_K8S_NODE_REF", "k1")]),
    );
    assert_eq!(
        record["spec"]["orchRefs"],
        json!([{"nodeName": "k1", "orchestrator": "k8s"}])
    );
}

/// A file of the laboratory in the place of one of the system's.
fn instead(lab: &Lab, place: &str, text: &str) -> (PathBuf, PathBuf) {
    let file = lab.path(place.trim_start_matches('/').replace('/', "-").as_str());
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    (PathBuf::from(place), file)
}

/// The leaf is the name server, and is asked once and not for long.
fn asks_the_leaf(lab: &Lab) -> (PathBuf, PathBuf) {
    instead(
        lab,
        "/etc/resolv.conf",
        "nameserver 192.168.1.1\noptions attempts:1 timeout:1\n",
    )
}

/// It ends, and says what name nobody knows and where it could stand.
fn refuses_the_name_that_is_gone(sidecar: &mut Sidecar) {
    let told = sidecar.refuses();
    for part in [
        "can-reach=gone.example.org",
        "the name \"gone.example.org\" cannot be resolved",
        "put it into DNS or /etc/hosts",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_name_is_reached_by_the_hosts_file_and_by_dns_each_family_by_itself() {
    let lab = two_networks();
    let hosts = instead(
        &lab,
        "/etc/hosts",
        "127.0.0.1 localhost\n10.55.0.9 far far.example.org\nfd00:55::9 far.example.org\n",
    );
    let _dns = Dns::start(
        &lab,
        &[
            ("spine.example.org", "10.55.0.7"),
            ("spine.example.org", "fd00:55::7"),
            ("old.example.org", "10.55.0.7"),
        ],
    );
    let servers = asks_the_leaf(&lab);
    let around = |variables: &[(&str, &str)]| Around {
        files: vec![hosts.clone(), servers.clone()],
        ..Around::variables(variables)
    };
    let reach = |name: &str| {
        let method = format!("can-reach={name}");
        let variables = [
            ("IP", "autodetect"),
            ("IP6", "autodetect"),
            ("IP_AUTODETECTION_METHOD", &*method),
            ("IP6_AUTODETECTION_METHOD", &*method),
        ];
        registered(&lab, &json!({}), &around(&variables))
    };
    let both = [&*format!("{SECOND}/24"), &*format!("{SECOND6}/64")];
    assert_eq!(addresses(&reach("far.example.org")), both);
    assert_eq!(addresses(&reach("spine.example.org")), both);
    // A name of one family: the other is said to have none.
    assert_eq!(addresses(&reach("old.example.org")), [both[0], "-"]);
    lab.etcd().delete(NODE);
    let variables = [("IP_AUTODETECTION_METHOD", "can-reach=gone.example.org")];
    let mut sidecar = Sidecar::start_in(&lab, &lab.node, &json!({}), &around(&variables));
    refuses_the_name_that_is_gone(&mut sidecar);
    assert_eq!(lab.etcd().get(NODE), None);
}

#[test]
fn a_name_that_cannot_be_asked_for_changes_no_registered_address_and_holds_nothing_up() {
    let lab = two_networks();
    let servers = asks_the_leaf(&lab);
    lab.apply(&json!({"kind": "Node", "metadata": {"name": "worker01"}, "spec": {"bgp": {"ipv4Address": "10.44.0.4/24"}}}));
    let mut around = Around::variables(&[
        ("IP", "autodetect"),
        ("IP_AUTODETECTION_METHOD", "can-reach=gone.example.org"),
    ]);
    around.files.push(servers);
    let mut sidecar = Sidecar::start_in(&lab, &lab.node, &json!({}), &around);
    eventually("it is ready", || {
        sidecar.must_live();
        let log = sidecar.log();
        (log.contains("the registered address 10.44.0.4/24 stays") && log.contains("msg=ready")).then_some(())
    });
    let record = lab.etcd().get(NODE).unwrap_or_default();
    assert_eq!(addresses(&record)[0], "10.44.0.4/24");
}

/// An API server whose Node `k1` has the addresses of the second network, and another outside.
fn knows_k1(lab: &Lab) -> ApiServer {
    let server = ApiServer::start(lab);
    let internal = [
        ("Hostname", "k1"),
        ("InternalIP", SECOND),
        ("InternalIP", SECOND6),
        ("ExternalIP", ONE),
    ];
    server.node("k1", json!({}), &internal);
    server.allow_node("k1");
    server
}

#[test]
fn the_internal_ip_is_the_api_servers_and_needs_a_kubeconfig() {
    let lab = two_networks();
    let server = knows_k1(&lab);
    let variables = [
        ("CALICO_K8S_NODE_REF", "k1"),
        ("IP6", "autodetect"),
        ("IP_AUTODETECTION_METHOD", "kubernetes-internal-ip"),
        ("IP6_AUTODETECTION_METHOD", "kubernetes-internal-ip"),
    ];
    let conf = json!({"kubeconfig": server.user().display().to_string()});
    let record = registered(&lab, &conf, &Around::variables(&variables));
    assert_eq!(
        addresses(&record),
        [&*format!("{SECOND}/24"), &*format!("{SECOND6}/64")]
    );
    lab.etcd().delete(NODE);
    server.node("k1", json!({}), &[("InternalIP", "10.77.0.1")]);
    let mut sidecar = Sidecar::start_in(&lab, &lab.node, &conf, &Around::variables(&variables[2..]));
    let told = sidecar.refuses();
    assert!(
        told.contains("may not read node worker01") && told.contains(r#"verbs ["get", "list", "watch"]"#),
        "nobody is called worker01 there: {told}"
    );
    let mut sidecar = Sidecar::start_in(
        &lab,
        &lab.node,
        &conf,
        &Around::variables(&[variables[0], variables[2]]),
    );
    let told = sidecar.refuses();
    assert!(
        told.contains("of the InternalIPs 10.77.0.1 none is one of this machine's"),
        "{told}"
    );
    let mut sidecar = Sidecar::start_in(&lab, &lab.node, &json!({}), &Around::variables(&variables));
    let told = sidecar.refuses();
    assert!(
        told.contains("kubernetes-internal-ip is the API server's answer: set kubeconfig"),
        "{told}"
    );
}
