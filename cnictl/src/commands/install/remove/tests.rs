use super::super::model::{Machine, certified, found, told};
use super::super::settings::Told;
use super::*;

fn places(told: &Told) -> Places {
    Places::of(told).unwrap()
}

fn remove(
    machine: &mut Machine,
    told: &Told,
    node: &Node,
    (force, purge): (bool, bool),
) -> Result<Vec<Step>, String> {
    let (places, receipt) = (places(told), machine.receipt());
    let order = Order {
        places: &places,
        receipt: receipt.as_ref(),
        force,
        purge,
    };
    let steps = plan(order, &machine.seen(), node)?;
    steps.iter().for_each(|step| machine.apply(step));
    Ok(steps)
}

fn alone() -> Node {
    Node {
        name_alone: true,
        ..Node::default()
    }
}

#[test]
fn nothing_of_ours_is_left_and_nothing_of_others_is_touched() {
    let told = told(&[
        ("etcd_endpoints", "https://10.0.0.1:2379"),
        ("calico_names", "true"),
    ]);
    let mut before = Machine::new();
    before.others("/opt/cni/bin/portmap", "portmap");
    before.others("/opt/cni/bin/calico", "calico's own");
    before.others("/etc/cni/net.d/99-loopback.conf", "{}");
    let mut machine = before.clone();
    machine.install(&told, &certified(found("1"), "2026"));
    machine.install(&told, &certified(found("2"), "2027"));
    machine.others("/var/lib/cni/manx/snapshot.json", "the sidecar's");
    machine.others("/run/manx/hints/x.json", "a plugin's");
    let steps = remove(&mut machine, &told, &alone(), (false, false)).unwrap();
    assert_eq!(machine, before, "{steps:#?}");
    let first = Step::Remove {
        path: places(&told).conflist,
    };
    assert_eq!(steps.first(), Some(&first), "no pod starts any more");
    assert!(steps.contains(&Step::RemoveRoutes));
}

#[test]
fn without_a_receipt_what_has_our_names_goes() {
    let mut machine = Machine::new();
    machine.others("/opt/cni/bin/cni-net", "copied");
    machine.others("/etc/cni/net.d/10-manx.conflist", "copied");
    machine.others("/opt/cni/bin/portmap", "portmap");
    remove(&mut machine, &told(&[]), &Node::default(), (false, false)).unwrap();
    assert_eq!(machine.text("/opt/cni/bin/cni-net"), None);
    assert_eq!(machine.text("/etc/cni/net.d/10-manx.conflist"), None);
    assert!(machine.text("/opt/cni/bin/portmap").is_some());
}

#[test]
fn beside_a_calico_the_nodes_name_stays() {
    let mut machine = Machine::new();
    machine.install(&told(&[]), &found("1"));
    machine.others("/var/lib/calico/mtu", "1500");
    remove(&mut machine, &told(&[]), &Node::default(), (false, false)).unwrap();
    assert!(machine.text("/var/lib/calico/nodename").is_some());
    assert!(machine.text("/var/lib/calico/mtu").is_some());
}

#[test]
fn the_embedded_store_stays_unless_it_is_to_go() {
    let mut machine = Machine::new();
    machine.install(&told(&[]), &found("1"));
    machine.others("/var/lib/cni/manx/data/data.mdb", "addresses");
    machine.others("/var/lib/cni/manx/snapshot.json", "the sidecar's");
    remove(&mut machine, &told(&[]), &alone(), (false, false)).unwrap();
    assert!(machine.text("/var/lib/cni/manx/data/data.mdb").is_some());
    assert_eq!(machine.text("/var/lib/cni/manx/snapshot.json"), None);
    assert_eq!(machine.receipt(), None);
    remove(&mut machine, &told(&[]), &alone(), (false, true)).unwrap();
    assert!(!machine.seen().has(Path::new("/var/lib/cni/manx")));
}

#[test]
fn a_name_that_calico_has_taken_back_is_calicos() {
    let told = told(&[("calico_names", "true")]);
    let mut machine = Machine::new();
    machine.install(&told, &found("1"));
    machine.others("/opt/cni/bin/calico", "installed again");
    remove(&mut machine, &told, &alone(), (false, false)).unwrap();
    assert_eq!(
        machine.text("/opt/cni/bin/calico").as_deref(),
        Some("installed again")
    );
    assert_eq!(machine.text("/opt/cni/bin/calico-ipam"), None);
}

#[test]
fn what_would_lose_something_is_refused_with_the_way_out() {
    let pods = Node {
        pods: vec!["c1".to_owned(), "c2".to_owned()],
        ..Node::default()
    };
    let spooled = Node {
        spooled: 3,
        ..Node::default()
    };
    let sidecar = Node {
        sidecar: Some("process 7".to_owned()),
        ..Node::default()
    };
    for (node, why) in [
        (pods, "2 of this node's"),
        (spooled, "3 releases"),
        (sidecar, "process 7"),
    ] {
        let mut machine = Machine::new();
        machine.install(&told(&[]), &found("1"));
        let whole = machine.clone();
        let error = remove(&mut machine, &told(&[]), &node, (false, false)).unwrap_err();
        assert!(error.contains(why), "{error}");
        assert_eq!(machine, whole);
        assert!(remove(&mut machine, &told(&[]), &node, (true, false)).is_ok());
    }
}
