//! `cnictl ipam release`: by address, by handle, from reports.

use crate::common::{cnictl, recorded, value};
use serde_json::{Value, json};
use shared::model::key::Key;
use shared::store::memory::Memory;

const CLUSTER: &str = "/calico/resources/v3/projectcalico.org/clusterinformations/default";
const ORPHAN: &str = "/calico/ipam/v2/handle/net.orphan";

fn sound(store: &Memory) {
    let outcome = cnictl(store, "ipam check --settle 0");
    assert_eq!(outcome.error, None, "{}", outcome.out);
}

#[test]
fn an_address_goes_back_with_its_handle() {
    let store = recorded();
    let released = cnictl(&store, "ipam release --ip=10.66.135.129");
    assert_eq!(
        released.out, "Successfully released IP address 10.66.135.129\n",
        "{released:?}"
    );
    sound(&store);
    let again = cnictl(&store, "ipam release --ip=10.66.135.129").error.unwrap();
    assert_eq!(again, "IP address 10.66.135.129 is not assigned");
    let shown = cnictl(&store, "ipam show --ip=10.66.135.129").out;
    assert_eq!(shown, "10.66.135.129 is not assigned\n");
}

#[test]
fn a_block_of_one_address_goes_back_with_it() {
    let store = recorded();
    assert!(value(&store, "/calico/ipam/v2/assignment/ipv4/block/10.88.0.0-32").is_some());
    assert_eq!(cnictl(&store, "ipam release --ip 10.88.0.0").error, None);
    let left: Vec<String> = store.dump().keys().map(|key| key.as_str().to_owned()).collect();
    assert!(!left.iter().any(|key| key.contains("10.88.0.0-32")), "{left:?}");
    sound(&store);
}

#[test]
fn an_address_this_machine_holds_stays_unless_forced() {
    let store = recorded();
    let block = "/calico/ipam/v2/assignment/ipv4/block/127.0.0.0-26";
    let mut allocations = vec![Value::Null; 64];
    allocations[1] = json!(0);
    let free: Vec<usize> = (0..64).filter(|ordinal| *ordinal != 1).collect();
    let value = json!({"cidr":"127.0.0.0/26","affinity":null,"allocations":allocations,"unallocated":free,
        "attributes":[{"handle_id":"net.c","secondary":{"node":"n","pod":"web","namespace":"a"}}],
        "sequenceNumber":5,"deleted":false});
    store.put(Key::stored(block), value.to_string());
    let refused = cnictl(&store, "ipam release --ip=127.0.0.1").error.unwrap();
    assert!(
        refused.starts_with("IP address 127.0.0.1 is in use: pod a/web on node n has it, and "),
        "{refused}"
    );
    assert!(
        refused.ends_with("take the pod down first, or give --force"),
        "{refused}"
    );
    assert_eq!(cnictl(&store, "ipam release --ip=127.0.0.1 --force").error, None);
}

#[test]
fn a_handle_goes_with_everything_it_holds() {
    let store = recorded();
    let shown = cnictl(&store, "ipam show --ip=10.66.135.129").out;
    let id = shown
        .lines()
        .find_map(|line| line.strip_prefix("Handle ID: "))
        .unwrap();
    let released = cnictl(&store, &format!("ipam release --handle {id}"));
    assert!(
        released
            .out
            .contains("Successfully released IP address 10.66.135.129\n"),
        "{released:?}"
    );
    assert!(
        released
            .out
            .ends_with(&format!("Successfully released handle {id}\n"))
    );
    sound(&store);
    store.put(Key::stored(ORPHAN), r#"{"block":{"10.66.135.128/26":1}}"#);
    assert_eq!(
        cnictl(&store, "ipam release --handle net.orphan").out,
        "Successfully released handle net.orphan\n"
    );
    sound(&store);
    let gone = cnictl(&store, "ipam release --handle net.orphan").error.unwrap();
    assert!(gone.starts_with("handle net.orphan does not exist"), "{gone}");
}

/// The report of a check, changed, in a file.
fn report(store: &Memory, dir: &tempfile::TempDir, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let outcome = cnictl(store, "ipam check --settle 0 -o r");
    let mut report: Value = serde_json::from_str(&outcome.files[0].1).unwrap();
    change(&mut report);
    let path = dir.path().join(name);
    std::fs::write(&path, report.to_string()).unwrap();
    path.display().to_string()
}

fn lock(store: &Memory) {
    let mut cluster: Value = serde_json::from_str(&value(store, CLUSTER).unwrap()).unwrap();
    cluster["spec"]["datastoreReady"] = json!(false);
    store.put(Key::stored(CLUSTER), cluster.to_string());
}

fn leak(report: &mut Value) {
    report["allocations"]["10.66.135.129"][0]["inUse"] = json!(false);
}

#[test]
fn what_all_reports_call_leaked_goes_back() {
    let store = recorded();
    let dir = tempfile::tempdir().unwrap();
    store.put(Key::stored(ORPHAN), "{}");
    store.put(Key::stored("/calico/ipam/v2/handle/net.two"), "{}");
    lock(&store);
    let witnessed = |report: &mut Value| {
        leak(report);
        report["allocations"]["10.66.135.129"][0]["witnesses"] = json!("both");
    };
    let first = report(&store, &dir, "a", witnessed);
    store.put(Key::stored("/calico/ipam/v2/handle/net.two"), "{}");
    let second = report(&store, &dir, "b", leak);
    let released = cnictl(
        &store,
        &format!("ipam release --from-report={first} --from-report={second}"),
    );
    assert_eq!(
        released.out,
        "Releasing 1 old IPs...\nReleased 1 IPs successfully\nDeleting 1 handles...\n\
         Released 1 handles; 0 skipped; 0 errors.\nYou may now unlock the data store.\n",
        "{released:?}"
    );
    assert!(value(&store, ORPHAN).is_none(), "it was the same in both");
    assert!(
        value(&store, "/calico/ipam/v2/handle/net.two").is_some(),
        "it changed between them"
    );
    let again = cnictl(&store, &format!("ipam release --from-report={second} --force"));
    assert!(
        again
            .out
            .contains("1 addresses marked as leaked in the report had already been cleaned up.")
    );
    sound_again(&store);
}

fn sound_again(store: &Memory) {
    store.delete(Key::stored("/calico/ipam/v2/handle/net.two"));
    sound(store);
}

#[test]
fn a_report_with_one_witness_frees_by_force_only() {
    let store = recorded();
    let dir = tempfile::tempdir().unwrap();
    lock(&store);
    // As calicoctl writes it.
    let theirs = report(&store, &dir, "c", leak);
    let words = format!("ipam release --from-report={theirs}");
    let refused = cnictl(&store, &words);
    assert!(refused.error.unwrap().contains("the report has one witness only"));
    assert!(
        cnictl(&store, "ipam show --ip=10.66.135.129")
            .out
            .contains("is in use")
    );
    assert_eq!(cnictl(&store, &format!("{words} --force")).error, None);
    sound(&store);
}

#[test]
fn a_report_of_another_cluster_or_time_is_refused() {
    let store = recorded();
    let dir = tempfile::tempdir().unwrap();
    let file = report(&store, &dir, "open", |_| ());
    let open = cnictl(&store, &format!("ipam release --from-report={file}"))
        .error
        .unwrap();
    assert_eq!(
        open,
        "data store is not locked. Either lock the data store, or re-run with --force"
    );
    lock(&store);
    let stale = cnictl(&store, &format!("ipam release --from-report={file}"))
        .error
        .unwrap();
    assert!(stale.starts_with("the provided reports are all stale"), "{stale}");
    let other = report(&store, &dir, "guid", |report| report["clusterGUID"] = json!("x"));
    let other = cnictl(&store, &format!("ipam release --from-report={other} --force"))
        .error
        .unwrap();
    assert!(
        other.ends_with("mismatched cluster GUID. Refusing to release"),
        "{other}"
    );
    let version = report(&store, &dir, "version", |report| {
        report["version"] = json!("v3.1.0")
    });
    let version = cnictl(&store, &format!("ipam release --from-report={version}"))
        .error
        .unwrap();
    assert!(
        version.contains("produced using a different version (v3.1.0)"),
        "{version}"
    );
}
