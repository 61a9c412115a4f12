//! Beside other people's plugins: `host-local` below ours, our allocator below `macvlan`, `portmap` and `bandwidth` after ours.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use integration::cnitool::CniTool;
use integration::json::with;
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    host_local_gives_addresses_to_our_pods,
    our_allocator_gives_addresses_to_macvlan,
    portmap_and_bandwidth_follow_in_one_conflist,
);

fn host_local_gives_addresses_to_our_pods(kind: Kind) {
    let lab = Lab::new(kind);
    // There is a store to look into.
    lab.pool("unused", "10.0.0.0/24", 26);
    let before = Traces::of(&lab);
    let ranges = json!([[{"subnet": "10.88.0.0/24"}], [{"subnet": "fd00:88::/64"}]]);
    let ipam = json!({"type": "host-local", "dataDir": lab.path("host-local"), "ranges": ranges});
    let conf = with(with(lab.node.conf(), "ipam", ipam), "cniVersion", "1.0.0");
    let pods = [Pod::new("hl1"), Pod::new("hl2")];
    let results: Vec<_> = pods.iter().map(|pod| lab.node.add(&conf, pod)).collect();
    for ip in results.iter().flat_map(integration::node::addresses) {
        pods.iter().for_each(|pod| pod.must_reach(&ip));
    }
    lab.node.check(&conf, &pods[0], &results[0]).silent();
    if kind == Kind::Etcd {
        let nodes = lab.etcd().under("/calico/resources/v3/projectcalico.org/nodes/");
        assert!(nodes.is_empty(), "only cni-ipam makes a Node: {nodes:?}");
    }
    pods.iter().for_each(|pod| lab.node.del(&conf, pod));
    before.unchanged(&lab);
}

#[test]
fn the_routes_of_host_local_replace_the_default_route() {
    let lab = Lab::new(Kind::Embedded);
    let ipam = json!({"type": "host-local", "dataDir": lab.path("host-local"), "subnet": "10.88.0.0/24",
        "routes": [{"dst": "192.168.0.0/16", "gw": "10.88.0.1"}]});
    let conf = with(with(lab.node.conf(), "ipam", ipam), "cniVersion", "1.0.0");
    let pod = Pod::new("routes");
    lab.node.add(&conf, &pod);
    let routes = pod.netns.ip("route show");
    assert!(
        routes.contains("192.168.0.0/16 via 169.254.1.1") && !routes.contains("default"),
        "{routes}"
    );
    let both = with(conf, "include_default_routes", true);
    let pod = Pod::new("both");
    lab.node.add(&both, &pod);
    let routes = pod.netns.ip("route show");
    assert!(
        routes.contains("192.168.0.0/16 via 169.254.1.1") && routes.contains("default"),
        "{routes}"
    );
}

#[test]
fn host_local_takes_the_nodes_pod_cidrs_where_it_is_asked_to() {
    let lab = Lab::new(Kind::Etcd);
    let node = json!({"kind": "Node", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "worker01"},
        "spec": {}, "status": {"podCIDRs": ["10.77.0.0/24", "fd00:77::/64"]}});
    lab.apply(&node);
    let ranges = json!([[{"subnet": "usePodCidr"}], [{"subnet": "UsePodCidrIPv6"}]]);
    let ipam = json!({"type": "host-local", "dataDir": lab.path("host-local"), "ranges": ranges});
    let conf = with(with(lab.node.conf(), "ipam", ipam), "cniVersion", "1.0.0");
    let before = Traces::of(&lab);
    let pod = Pod::new("podcidr");
    let result = lab.node.add(&conf, &pod);
    let [v4, v6] = &integration::node::addresses(&result)[..] else {
        panic!("expected an address of each family in {result}")
    };
    assert!(
        v4.starts_with("10.77.0.") && v6.starts_with("fd00:77::"),
        "{result}"
    );
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);

    // A node that has no CIDR of the family is told so, and DEL needs none.
    lab.apply(&with(node, "status/podCIDRs", json!(["fd00:77::/64"])));
    let failure = lab.node.call("ADD", &conf, &pod).run().failure();
    failure.says(&["usePodCidr", "worker01", "podCIDRs"]);
    lab.node.del(&conf, &pod);
}

#[test]
fn a_host_local_that_fails_leaves_nothing_and_is_quoted() {
    let lab = Lab::new(Kind::Embedded);
    // One address is usable in it.
    let ipam = json!({"type": "host-local", "dataDir": lab.path("host-local"), "subnet": "10.88.0.0/30"});
    let conf = with(with(lab.node.conf(), "ipam", ipam), "cniVersion", "1.0.0");
    let (first, second) = (Pod::new("first"), Pod::new("second"));
    lab.node.add(&conf, &first);
    let before = Traces::of(&lab);
    let failure = lab.node.call("ADD", &conf, &second).run().failure();
    failure.says(&["no IP addresses available"]);
    before.unchanged(&lab);
    assert_eq!(second.netns.links(), Vec::<String>::new());
}

fn our_allocator_gives_addresses_to_macvlan(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let before = Traces::of(&lab);
    let mut conf = with(with(lab.node.conf(), "type", "macvlan"), "cniVersion", "1.0.0");
    conf["master"] = json!("uplink");
    conf["mode"] = json!("bridge");
    let pods = [Pod::new("mac1"), Pod::new("mac2")];
    let results: Vec<_> = pods.iter().map(|pod| lab.node.add(&conf, pod)).collect();
    pods[0].must_reach(&address(&results[1]));
    pods.iter()
        .for_each(|pod| lab.node.call("DEL", &conf, pod).run().ok_only());
    before.unchanged(&lab);
}

/// Our plugin and the two that Debian has; all of them speak 1.0.0.
fn chain(lab: &Lab) -> Vec<Value> {
    vec![
        lab.node.conf(),
        json!({"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}),
        json!({"type": "bandwidth", "capabilities": {"bandwidth": true}}),
    ]
}

fn portmap_and_bandwidth_follow_in_one_conflist(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let before = Traces::of(&lab);
    let tool = CniTool::new(&lab.node, "1.0.0", &chain(&lab)).capabilities(&json!({
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
        "bandwidth": {"ingressRate": 10_000_000, "ingressBurst": 10_000_000}}));
    let pod = Pod::kubernetes("default", "served");
    let result = tool.run("add", &pod).result();
    let host = result["interfaces"][0]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let shaper = lab
        .node
        .netns()
        .command("tc")
        .args(["qdisc", "show", "dev", &host])
        .ok();
    assert!(shaper.contains("tbf"), "{shaper}");
    let listener = pod
        .netns
        .enter(|| TcpListener::bind("0.0.0.0:80").expect("port 80 of a fresh namespace"));
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("one client");
        connection.write_all(b"hello from the pod").expect("an answer");
    });
    let heard = lab.leaf.enter(|| {
        let address = "192.168.1.4:8080".parse().expect("an address");
        let mut stream =
            TcpStream::connect_timeout(&address, integration::wait::PATIENCE).expect("the host port is open");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    });
    assert_eq!(heard, "hello from the pod");
    server.join().expect("the server ends");
    tool.run("del", &pod).ok_only();
    before.unchanged(&lab);
}
