use serde_json::{Value, json};
use shared::op::{RouteKind, Scope};
use shared::state::attachment::Id;
use shared::store::Datastore as _;
use shared::store::memory::Memory;

use super::*;

const RECORD: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/n1-k8s-web-eth0";

const NONE: [IpAddr; 0] = [];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn file(container: &str) -> Attachment {
    Attachment {
        id: Id {
            node: "n1".to_owned(),
            network: "net".to_owned(),
            container: container.to_owned(),
            ifname: "eth0".to_owned(),
            ..Id::default()
        },
        addresses: vec![address("10.0.0.5")],
        host_interface: Some("cali1".to_owned()),
        record: Some(RECORD.to_owned()),
        routed: true,
        ..Attachment::default()
    }
}

/// A snapshot in which the record says this.
fn recorded(spec: &Value) -> Snapshot {
    let store = Memory::new();
    let record = json!({"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": "n1-k8s-web-eth0", "namespace": "default"}, "spec": spec});
    store.put(Key::stored(RECORD), record.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.read(&reads(&[file("c1")]))).unwrap()
}

fn spec(container: &str) -> Value {
    json!({"node": "n1", "containerID": container, "interfaceName": "cali1", "ipNetworks": ["10.0.0.5/32"]})
}

#[test]
fn the_record_decides_whose_an_interface_is() {
    let files = [file("c1"), file("newer")];
    let due = |spec: &Value| due(&files, "cali1", Witness::Records(&recorded(spec)));
    assert_eq!(due(&spec("newer")), [address("10.0.0.5")]);
    assert_eq!(due(&spec("gone")), NONE, "another container's");
    for (field, value) in [
        ("node", json!("n2")),
        ("interfaceName", json!("cali2")),
        ("ipNetworks", json!(["10.0.0.6/32"])),
        ("ipNetworks", json!(["10.0.0.0/24"])),
        ("containerID", json!(null)),
    ] {
        let mut wrong = spec("c1");
        wrong[field] = value;
        assert_eq!(due(&wrong), NONE, "{field}");
    }
    let nothing = Memory::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let nothing = runtime.block_on(nothing.read(&reads(&files))).unwrap();
    assert_eq!(super::due(&files, "cali1", Witness::Records(&nothing)), NONE);
}

/// A block whose sixth address has this owner.
fn block(handle: &str, node: &str, released: bool) -> Data {
    let mut allocations = vec![Value::Null; 64];
    allocations[5] = json!(0);
    let mut attribute = json!({"handle_id": handle, "secondary": {"node": node}});
    if released {
        attribute["releasedAt"] = json!("2026-11-22T16:12:47Z");
    }
    let cidr: IpNet = "10.0.0.0/26".parse().unwrap();
    let value = json!({"cidr": cidr.to_string(), "affinity": "host:n1", "allocations": allocations,
        "unallocated": [], "attributes": [attribute], "sequenceNumber": 7, "deleted": false});
    [(Key::block(cidr), value.to_string().into_bytes().into())].into()
}

#[test]
fn without_the_datastore_the_block_decides_and_only_where_one_container_claims_the_interface() {
    let one = [file("c1")];
    let due = |files: &[Attachment], data: &Data| due(files, "cali1", Witness::Last(data));
    let held = block("net.c1", "n1", false);
    assert_eq!(due(&one, &held), [address("10.0.0.5")]);
    assert_eq!(due(&[file("c1"), file("c2")], &held), NONE, "two claim it");
    assert_eq!(due(&one, &block("net.c2", "n1", false)), NONE);
    assert_eq!(due(&one, &block("net.c1", "n2", false)), NONE);
    assert_eq!(due(&one, &block("net.c1", "n1", true)), NONE, "it rests");
    assert_eq!(due(&one, &Data::new()), NONE);
}

#[test]
fn files_of_others_and_of_pods_that_somebody_else_leads_to_do_not_count() {
    let mut other = file("c1");
    other.id.node = "n2".to_owned();
    let unrouted = Attachment {
        routed: false,
        ..file("c2")
    };
    assert_eq!(routed(vec![other, unrouted, file("c3")], "n1"), [file("c3")]);
}

fn link(name: &str, up: bool) -> Link {
    Link {
        name: name.to_owned(),
        index: 7,
        mac: None,
        mtu: 1500,
        up,
        kind: Some("veth".to_owned()),
        peer: Some(2),
        peer_netns: Some(0),
    }
}

/// How cni-net leads to 10.0.0.5.
fn put() -> Op {
    Op::AddRoute {
        side: Side::Host,
        route: Route {
            destination: "10.0.0.5/32".parse().unwrap(),
            kind: RouteKind::Unicast,
            link: Some("cali1".to_owned()),
            gateway: None,
            scope: Scope::Link,
            protocol: Route::BOOT,
            metric: None,
        },
    }
}

/// A route to 10.0.0.5 alone, which is cni-net's but for a change.
fn exact(change: &dyn Fn(&mut Route), link: Option<Link>) -> Path {
    let mut route = Route::direct(IpNet::from(address("10.0.0.5")), "cali1");
    change(&mut route);
    Path::Exact(route, link)
}

#[test]
fn a_missing_route_is_put_as_cni_net_makes_it_and_nothing_is_taken_from_anybody() {
    let (ip, here) = (address("10.0.0.5"), link("cali1", true));
    let free = [
        Path::Open,
        Path::Blackhole,
        exact(&|route| route.protocol = Route::MANX, Some(link("uplink", true))),
    ];
    for path in free {
        let plan = plan(&here, &[ip], &[(ip, path.clone())].into());
        assert_eq!((plan.ops, plan.held), (vec![put()], vec![]), "{path:?}");
    }
    let ours = exact(&|_| (), Some(here.clone()));
    assert_eq!(plan(&here, &[ip], &[(ip, ours)].into()), Plan::default());
    for (path, holder) in [
        (exact(&|_| (), Some(link("cali2", true))), "interface cali2"),
        (
            exact(
                &|route| route.gateway = Some(address("10.9.0.1")),
                Some(link("uplink", true)),
            ),
            "router 10.9.0.1",
        ),
    ] {
        let plan = plan(&here, &[ip], &[(ip, path)].into());
        assert_eq!((plan.ops, plan.held), (vec![], vec![(ip, holder.to_owned())]));
    }
    let down = plan(&link("cali1", false), &[ip], &[(ip, Path::Open)].into());
    assert_eq!(down, Plan::default());
}
