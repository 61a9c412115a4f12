//! What a node says of what it does not tell, and of a limit that is near; and a node that has booted a moment ago.

use std::fs;
use std::path::Path;

use integration::fabric::{Tor, Watched as _};
use integration::json::{list, text, with};
use integration::lab::pool;
use integration::process::{Cmd, Running};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, require};
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, TOR, TWO, lab, mesh, peer, plain_lab, pod, pod_of, singles};

const NUMBER: u32 = 65_000;
const ALIVE: &str = "/manx/v1/nodes/worker01/alive";

#[test]
fn a_route_that_a_filter_keeps_from_a_peer_names_the_filter_and_the_rule() {
    let lab = lab();
    singles(&lab);
    lab.apply(
        &json!({"kind": "BGPFilter", "metadata": {"name": "no-pods"}, "spec": {"exportV4": [
        {"cidr": "10.30.0.0/24", "matchOperator": "In", "action": "Accept"},
        {"cidr": "10.10.0.0/16", "matchOperator": "In", "action": "Reject"}]}}),
    );
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "tor"},
        "spec": {"peerIP": TOR, "asNumber": NUMBER, "filters": ["no-pods"]}}));
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, 64_512));
    let (_kept, _, block) = pod(&lab.node);
    let (_told, address) = pod_of(&lab.node, "10.30.0.0/24");
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    tor.learns(&format!("{address}/32"), ONE);
    assert!(!tor.prefixes().contains(&block));
    let reason = "rejected by rule 2 of exportV4 of BGPFilter no-pods";
    let state = sidecar.shown().state();
    let withheld = list(&state, "/withheld");
    assert!(
        withheld.contains(&json!(format!("{block}: to {TOR}: {reason}"))),
        "{withheld:?}"
    );
    let table = sidecar
        .shown()
        .cnictl(&["bgp", "routes", "--advertised", TOR])
        .ok()
        .stdout;
    let (told, not_told) = table
        .split_once("is not told:")
        .unwrap_or_else(|| panic!("{table}"));
    assert!(
        told.contains(&format!("{address}/32")) && !told.contains(&block),
        "{table}"
    );
    assert!(not_told.contains(&block) && not_told.contains(reason), "{table}");
}

#[test]
fn four_fifths_of_a_peers_maximum_are_a_warning_and_more_than_it_the_end() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let mut tor = Tor::new(TOR, NUMBER).knows(ONE, 64_512);
    for block in 0..4 {
        tor = tor.announces(&format!("10.20.{block}.0/26"));
    }
    let router = Make::Bird.start(&lab.leaf, &tor);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"max_prefixes": 5}));
    sidecar.installs("10.20.3.0/26", &[TOR]);
    eventually("it warns", || {
        sidecar.log().contains("are 80 % of its maximum").then_some(())
    });
    drop(router);
    let more = tor.announces("10.20.4.0/26").announces("10.20.5.0/26");
    let router = Make::Bird.start(&lab.leaf, &more);
    router.must("the session ends", || {
        let log = sidecar.log();
        log.contains("sends more than 5").then_some(())
    });
    let status = sidecar.shown().status();
    assert!(status.contains(TOR), "{status}");
}

/// The identity of a machine in a boot, as its sidecar would have put it, by nobody who could let it go.
fn leaves_key(lab: &Lab, identity: &Value) {
    lab.etcd().put(ALIVE, identity);
}

/// Settings of a sidecar on the machine `m1` in its boot `b2`.
fn on_m1_in_b2(lab: &Lab) -> Value {
    let (machine, boot) = (lab.path("machine-id"), lab.path("boot-id"));
    fs::write(&machine, "m1\n").expect("the laboratory's own folder");
    fs::write(&boot, "b2\n").expect("the laboratory's own folder");
    json!({"machine_id_file": machine, "boot_id_file": boot})
}

#[test]
fn after_a_quick_reboot_it_announces_beside_the_key_of_the_boot_before_and_another_machine_never() {
    let lab = lab();
    mesh(&lab, false);
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, 64_512));
    let conf = on_m1_in_b2(&lab);
    let before = json!({"machine_id": "m1", "boot_id": "b1", "pid": 7, "version": "0"});
    leaves_key(&lab, &before);
    let (_pod, _, block) = pod(&lab.node);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &conf);
    tor.learns(&block, ONE);
    assert_eq!(
        lab.etcd().get(ALIVE),
        Some(before),
        "the key is still the other's"
    );
    eventually("it says so", || {
        sidecar
            .log()
            .contains("a key of this machine's boot before")
            .then_some(())
    });
    sidecar.must_live();
    lab.etcd().delete(ALIVE);
    eventually("the key is this boot's", || {
        (lab.etcd().get(ALIVE)?["boot_id"] == json!("b2")).then_some(())
    });
    sidecar.must_live();
    sidecar.stop();
    // Somebody else, with the same node name.
    leaves_key(
        &lab,
        &json!({"machine_id": "m2", "boot_id": "b9", "pid": 9, "version": "0"}),
    );
    sidecar.run();
    eventually("it ends", || sidecar.has_ended().then_some(()));
    let log = sidecar.log();
    assert!(
        log.contains("machine m2 (boot b9, process 9) speaks for node worker01"),
        "{log}"
    );
}

#[test]
fn of_two_machines_with_one_node_name_the_second_ends_with_the_first_ones_name_and_changes_nothing() {
    let lab = plain_lab();
    let twin = lab.add_node("twin", 5);
    mesh(&lab, false);
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, 64_512).knows(TWO, 64_512);
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let (_pod, _, block) = pod(&lab.node);
    let mut first = Sidecar::start(&lab, &lab.node, &json!({}));
    tor.learns(&block, ONE);
    let key = eventually("the first has its key", || lab.etcd().get(ALIVE));
    let record = "/calico/resources/v3/projectcalico.org/nodes/worker01";
    let registered = lab.etcd().get(record);
    // What it is told about itself would make another node of the first one.
    let other = json!({"nodename": "worker01", "ip": format!("{TWO}/24"), "as": "64999"});
    let mut second = Sidecar::start(&lab, &twin, &other);
    let said = second.refuses();
    assert!(said.contains("speaks for node worker01"), "{said}");
    let machine = text(&key, "/machine_id");
    assert!(said.contains(machine), "{machine}: {said}");
    first.must_live();
    assert_eq!(lab.etcd().get(record), registered);
    assert_eq!(lab.etcd().get(ALIVE), Some(key));
    assert!(tor.route(&block, ONE).is_some() && tor.route(&block, TWO).is_none());
}

/// Writes down what a sidecar has put on the disk or given another name, until it is told to stop.
fn disk_calls(sidecar: &Sidecar, file: &Path) -> Running {
    Cmd::new(require::tool("strace"))
        .args([
            "-f",
            "-q",
            "-y",
            "-e",
            "trace=fsync,fdatasync,rename,renameat,renameat2",
            "-o",
        ])
        .args([
            file.display().to_string(),
            "-p".to_owned(),
            sidecar.pid().to_string(),
        ])
        .start()
}

/// Content and folder: a power cut leaves one snapshot or the other.
#[test]
fn the_snapshot_is_on_the_disk_before_it_has_its_name_and_its_name_after() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("first", "10.0.0.0/24", 26);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    eventually("it is ready", || sidecar.shown().asked("/readyz"));
    let file = lab.path("trace");
    let trace = disk_calls(&sidecar, &file);
    let mut number = 0;
    let lines = eventually("a snapshot is written", || {
        number += 1;
        lab.pool("another", &format!("10.0.{number}.0/24"), 26);
        let text = fs::read_to_string(&file).ok()?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // Whatever was on its way when it was looked at is whole by the second.
        let named = lines.iter().filter(|line| line.contains("rename")).count();
        (named >= 3).then_some(lines)
    });
    trace.interrupt();
    trace.wait();
    let at = |from: usize, parts: &[&str]| {
        let fits = |line: &String| parts.iter().all(|part| line.contains(part));
        let found = lines.iter().skip(from).position(fits);
        from + found.unwrap_or_else(|| panic!("no {parts:?} from line {from} of {lines:#?}"))
    };
    let first = at(0, &["rename(", ".json.new"]);
    let content = at(first + 1, &["sync(", ".json.new>"]);
    let name = at(first + 1, &["rename(", ".json.new"]);
    let state = format!("<{}", lab.node.state_dir().display());
    let folder = at(name + 1, &["sync(", &state]);
    let next = lines
        .iter()
        .skip(name + 1)
        .position(|line| line.contains("rename"));
    assert!(content < name, "{lines:#?}");
    assert!(next.is_none_or(|next| folder < name + 1 + next), "{lines:#?}");
}

#[test]
fn a_datastore_that_is_quiet_is_heard_from() {
    let lab = Lab::new(Kind::Etcd);
    lab.apply(&with(
        pool("pool", "10.0.0.0/24", 26),
        "spec/nodeSelector",
        "all()",
    ));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let age = "manx_datastore_age_seconds";
    eventually("it is known", || sidecar.shown().metric(age).map(|_| ()));
    // Nothing changes for longer than a beat takes; the age does not grow with it.
    let first = sidecar.shown().state()["datastore"]["heard"].clone();
    eventually("it was heard again", || {
        let state = sidecar.shown().state();
        (state["datastore"]["heard"] != first).then_some(())
    });
    assert_eq!(sidecar.shown().metric("manx_datastore_up"), Some(1.0));
}
