//! `cnictl ipam check`: what is found, how it is named, what `--fix` does and leaves alone.

use std::time::Duration;

use crate::common::{apply, cnictl, recorded, value};
use cnictl::commands::Outcome;
use serde_json::{Value, json};
use shared::model::key::Key;
use shared::store::config::{Choice, EmbeddedConfig};
use shared::store::memory::Memory;
use shared::store::open::open;
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Reads, Snapshot, Txn, Write};

const BLOCK: &str = "/calico/ipam/v2/assignment/ipv4/block/10.66.135.128-26";
const ORPHAN: &str = "/calico/ipam/v2/handle/net.orphan";

fn check(store: &impl Datastore, words: &str) -> Outcome {
    cnictl(store, format!("ipam check --settle 0 {words}").trim_end())
}

fn orphaned() -> Memory {
    let store = recorded();
    store.put(
        Key::stored(ORPHAN),
        r#"{"block":{"10.66.135.128/26":1},"deleted":false}"#,
    );
    store
}

/// The first word of the only line that names a problem.
fn name(out: &str) -> String {
    let mut names = out
        .lines()
        .filter(|line| line.contains('@') && !line.starts_with(' '));
    let name = names.next().unwrap().to_owned();
    assert_eq!(names.next(), None, "{out}");
    name
}

#[test]
fn what_calico_left_has_no_problems_and_is_told_in_its_words() {
    let store = recorded();
    let before = store.dump();
    let outcome = check(&store, "");
    assert_eq!(outcome.error, None);
    for line in [
        "Checking IPAM for inconsistencies...\n\n",
        "Found 5 IPAM blocks.\n",
        " IPAM block 10.66.135.128/26 affinity=host:node0:\n",
        "Found 4 active IP pools.\n",
        "Found 0 handles with no matching IPs (and ",
        "Validating IPAMBlock structures...\nFound 0 invalid IPAMBlocks.\n",
    ] {
        assert!(outcome.out.contains(line), "{line:?} in {}", outcome.out);
    }
    assert!(outcome.out.ends_with("Check complete; found 0 problems.\n"));
    assert_eq!(store.dump(), before);
    let all = check(&store, "--show-all-ips").out;
    assert!(all.contains("  10.66.135.129 allocated; attrs Main:"), "{all}");
    assert!(all.contains("namespace=default,node=node0,pod=web-2,"), "{all}");
}

#[test]
fn a_problem_has_a_name_a_proof_and_a_fix_and_fails_the_check() {
    let store = orphaned();
    let outcome = check(&store, "");
    assert_eq!(outcome.error.as_deref(), Some("1 problems found"));
    let name = name(&outcome.out);
    assert!(name.starts_with("orphan-handle-"), "{name}");
    for text in [
        "/calico/ipam/v2/handle/net.orphan: it counts 1 of 10.66.135.128/26 and holds nothing",
        "  proof: /calico/ipam/v2/handle/net.orphan at revision ",
        "  fix: delete it\n",
        "Check complete; found 1 problems.\n",
    ] {
        assert!(outcome.out.contains(text), "{text:?} in {}", outcome.out);
    }
}

#[test]
fn a_fix_does_what_it_says_and_no_more() {
    let store = orphaned();
    let seen = name(&check(&store, "").out);
    let (id, revision) = seen.split_once('@').unwrap();
    let other = check(&store, "--fix orphan-handle-0123");
    assert!(other.error.unwrap().contains("there is no such problem now"));
    let old = check(&store, &format!("--fix {id}@1"));
    assert!(old.error.unwrap().contains("has changed"), "an old sight of it");
    assert!(check(&store, "--fix all").error.unwrap().contains("--yes"));
    assert!(value(&store, ORPHAN).is_some());
    let before = store.dump();
    let done = check(&store, &format!("--fix {id}@{revision}"));
    assert_eq!(done.error, None);
    let txn = format!("if {ORPHAN} at revision {revision}, {BLOCK} at revision ");
    assert!(done.out.contains(&txn), "{}", done.out);
    assert!(
        done.out
            .contains(&format!("\n  then delete {ORPHAN}\n  done at revision ")),
        "{}",
        done.out
    );
    assert!(done.out.ends_with("\nFixed 1 of 1 problems.\n"));
    let mut expected = before;
    expected.remove(&Key::stored(ORPHAN));
    assert_eq!(store.dump(), expected);
    assert_eq!(check(&store, "").error, None);
}

#[test]
fn all_is_fixed_by_kind_or_altogether_and_what_needs_a_person_is_left() {
    let store = orphaned();
    store.put(Key::stored("/calico/ipam/v2/handle/net.two"), "{}");
    store.put(Key::stored(BLOCK), "text");
    let fixed = check(&store, "--fix orphan-handle --yes");
    assert_eq!(
        fixed.error.as_deref(),
        Some("1 of 2 problems are left"),
        "{}",
        fixed.out
    );
    assert!(
        value(&store, ORPHAN).is_some(),
        "it names the block that cannot be read"
    );
    let all = check(&store, "--fix all --yes");
    assert!(all.out.contains("by hand: repair it by hand"), "{}", all.out);
}

#[test]
fn a_report_is_calicoctls_and_calls_nothing_leaked_without_witnesses() {
    let store = orphaned();
    let outcome = check(&store, "-o report.json");
    let (path, text) = &outcome.files[0];
    assert_eq!(path.to_str(), Some("report.json"));
    let report: Value = serde_json::from_str(text).unwrap();
    assert_eq!(report["datastoreLocked"], json!(false));
    assert_eq!(report["clusterGUID"].as_str().unwrap().len(), 32);
    assert_eq!(report["leakedHandles"][0]["ID"], json!("net.orphan"));
    let allocation = &report["allocations"]["10.66.135.129"][0];
    assert_eq!(allocation["pod"], json!("web-2"));
    assert_eq!(allocation["inUse"], json!(true));
    assert!(allocation["sequenceNumber"].as_u64().is_some());
}

#[test]
fn a_runtimes_list_must_be_one_of_whole_ids() {
    use cnictl::commands::ipam_check::sandboxes;
    let id = "0f5c".repeat(16);
    assert_eq!(sandboxes("f", &format!("{id}\n\n")).unwrap().len(), 1);
    let shortened = sandboxes("f", "0f5c0f5c0f5c0\n").unwrap_err();
    assert!(shortened.contains("--no-trunc"), "{shortened}");
    let table = sandboxes("f", "POD ID   CREATED\n").unwrap_err();
    assert!(table.contains("crictl pods -q --no-trunc"), "{table}");
}

#[test]
fn one_witness_frees_nothing() {
    let store = recorded();
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("pods");
    std::fs::write(&list, "").unwrap();
    let words = format!("--runtime {} --node node0 --grace 0", list.display());
    let outcome = check(&store, &words);
    assert!(outcome.out.contains("leaked-"), "{}", outcome.out);
    assert!(
        outcome.out.contains("not freed, only one witness"),
        "{}",
        outcome.out
    );
    let before = store.dump();
    check(&store, &format!("{words} --fix all --yes"));
    assert_eq!(store.dump(), before);
    // Another node gives signs of life and this one does not: the second witness.
    store.put(Key::stored("/manx/v1/nodes/node1/alive"), "{}");
    let outcome = check(&store, &format!("{words} --fix leaked --yes"));
    assert!(
        outcome.out.contains("node node0 gives no sign of life"),
        "{}",
        outcome.out
    );
    assert_eq!(outcome.error, None, "{}", outcome.out);
    assert_eq!(check(&store, "").error, None);
    assert!(
        cnictl(&store, "ipam show --ip=10.66.135.129")
            .out
            .contains("is not assigned")
    );
}

#[test]
fn the_embedded_store_is_checked_and_fixed_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let choice = Choice::Embedded(EmbeddedConfig {
        path: dir.path().join("data"),
    });
    let store = open(&choice, Duration::from_secs(10)).unwrap();
    apply(
        &store,
        "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.0.0.0/24}}",
    );
    let seed = |_: &Snapshot| {
        let mut txn = Txn::default();
        txn.write(Write::Put(Key::stored(ORPHAN), b"{}".to_vec()));
        Ok::<_, String>(Decision::Commit(txn, ()))
    };
    let mut done = false;
    crate::common::wait(transact(&store, Reads::new(), |snapshot| {
        if std::mem::replace(&mut done, true) {
            return Ok(Decision::Done(()));
        }
        seed(snapshot)
    }))
    .unwrap();
    assert!(check(&store, "").error.is_some());
    assert_eq!(check(&store, "--fix all --yes").error, None);
    assert_eq!(check(&store, "").error, None);
}
