//! create, replace, patch, label and validate: what is written, what is refused, what is said.

use crate::common::{apply, birth, cnictl, object, put, recorded, request, value, wait};
use cnictl::commands::apply::{self, Request};
use cnictl::decide::Verb;
use serde_json::json;
use shared::model::key::Key;
use shared::store::memory::{Fault, Memory};

const V3: &str = "/calico/resources/v3/projectcalico.org";
const POOL: &str = "/calico/resources/v3/projectcalico.org/ippools/p";

fn resource(kind: &str, name: &str, spec: &str) -> String {
    format!("{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}")
}

fn pool(spec: &str) -> String {
    resource("IPPool", "p", spec)
}

fn revision(store: &Memory, key: &str) -> u64 {
    store.dump()[key].revision.0
}

#[test]
fn create_makes_and_replace_changes_and_neither_does_the_other() {
    let store = Memory::new();
    let text = pool("{cidr: 10.0.0.0/24}");
    let missing = put(&store, Verb::Replace, &text).error.unwrap();
    assert!(
        missing.starts_with("failed to replace 'IPPool' resource: IPPool(p): resource does not exist"),
        "{missing}"
    );
    assert_eq!(
        put(&store, Verb::Create, &text).out,
        "Successfully created 1 'IPPool' resource(s)\n"
    );
    let exists = put(&store, Verb::Create, &text).error.unwrap();
    assert!(
        exists.starts_with("failed to create 'IPPool' resource: IPPool(p): resource already exists"),
        "{exists}"
    );
    let disabled = pool("{cidr: 10.0.0.0/24, disabled: true}");
    assert_eq!(
        put(&store, Verb::Replace, &disabled).out,
        "Successfully replaced 1 'IPPool' resource(s)\n"
    );
    assert_eq!(object(&store, POOL)["spec"]["disabled"], json!(true));
    let skipping = Request {
        skip_exists: true,
        ..request(Verb::Create, &text)
    };
    let skipped = wait(apply::run(&store, &skipping, birth()));
    assert_eq!(skipped.out, "Successfully created 1 'IPPool' resource(s)\n");
    assert_eq!(
        object(&store, POOL)["spec"]["disabled"],
        json!(true),
        "it stays as it is"
    );
}

#[test]
fn a_lost_reply_of_a_create_is_no_other_ones_object() {
    for fault in [
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
        Fault::Conflict,
    ] {
        let store = Memory::new();
        apply(&store, &resource("BGPFilter", "other", "{}"));
        store.inject(fault);
        let outcome = put(&store, Verb::Create, &pool("{cidr: 10.0.0.0/24}"));
        assert_eq!(outcome.error, None, "{fault:?}");
    }
}

#[test]
fn a_revision_that_is_out_of_date_is_told_and_nothing_is_written() {
    let store = Memory::new();
    apply(&store, &pool("{cidr: 10.0.0.0/24}"));
    let old = revision(&store, POOL);
    apply(&store, &pool("{cidr: 10.0.0.0/24, disabled: true}"));
    let (now, before) = (revision(&store, POOL), store.dump());
    let stale = format!(
        "{{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: p, resourceVersion: '{old}'}}, spec: {{cidr: \
         10.0.0.0/24}}}}"
    );
    for verb in [Verb::Apply, Verb::Replace] {
        let error = put(&store, verb, &stale).error.unwrap();
        assert!(
            error.contains(&format!(
                "update conflict: metadata.resourceVersion: {old} is out of date, the latest is {now}"
            )),
            "{error}"
        );
    }
    assert_eq!(store.dump(), before);
    let current = stale.replace(&format!("'{old}'"), &format!("'{now}'"));
    assert_eq!(put(&store, Verb::Replace, &current).error, None);
    // What is so already is no conflict, whoever made it so.
    assert_eq!(put(&store, Verb::Replace, &current).error, None);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &stale).unwrap();
    let error = cnictl(&store, &format!("delete -f {}", file.path().display()))
        .error
        .unwrap();
    assert!(error.contains("update conflict"), "{error}");
    assert!(value(&store, POOL).is_some());
}

#[test]
fn what_others_name_is_written_first_and_deleted_last() {
    let store = recorded();
    let peer = resource(
        "BGPPeer",
        "tor",
        "{peerIP: 10.55.0.1, asNumber: 65023, filters: [tor-in]}",
    );
    let filter = resource("BGPFilter", "tor-in", "{importV4: [{action: Accept}]}");
    let both = format!("{peer}\n---\n{filter}\n");
    assert_eq!(
        put(&store, Verb::Create, &both).out,
        "Successfully created 2 resource(s)\n"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{filter}\n---\n{peer}\n")).unwrap();
    let deleted = cnictl(&store, &format!("delete -f {}", file.path().display()));
    assert_eq!(
        (deleted.error, deleted.out.as_str()),
        (None, "Successfully deleted 2 resource(s)\n")
    );
}

#[test]
fn files_are_looked_at_without_a_datastore() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("more")).unwrap();
    std::fs::write(dir.path().join("a.yaml"), pool("{cidr: 10.0.0.0/24}")).unwrap();
    std::fs::write(
        dir.path().join("more/b.yml"),
        resource("IPReservation", "r", "{}"),
    )
    .unwrap();
    let words = |more: &str| format!("validate -f {}{more}", dir.path().display());
    let nothing = Memory::new();
    nothing.inject(Fault::Unreachable);
    assert_eq!(
        cnictl(&nothing, &words("")).out,
        "Successfully validated 1 'IPPool' resource(s)\n"
    );
    let all = cnictl(&nothing, &words(" -R"));
    assert_eq!(all.out, "Successfully validated 2 resource(s)\n");
    assert_eq!(
        all.warnings,
        ["IPReservation(r): spec.reservedCIDRs: is empty: nothing is kept"]
    );
    std::fs::write(
        dir.path().join("c.yaml"),
        pool("{cidr: 10.0.0.0/24, colour: red}"),
    )
    .unwrap();
    let error = cnictl(&nothing, &words("")).error.unwrap();
    assert!(
        error.contains("c.yaml: IPPool(p): spec.colour: no such field"),
        "{error}"
    );
    std::fs::write(dir.path().join("c.yaml"), "# nothing\n").unwrap();
    let only = format!("validate -f {}", dir.path().join("c.yaml").display());
    assert_eq!(
        cnictl(&nothing, &only).error.as_deref(),
        Some("no resources specified")
    );
    assert_eq!(
        cnictl(&nothing, &format!("{only} --skip-empty")).out,
        "No resources specified\n"
    );
}

#[test]
fn what_a_newer_calico_has_stored_can_be_applied_as_it_was_got() {
    let store = recorded();
    let key = format!("{V3}/bgppeers/tor");
    let newer = r#"{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"tor"},"spec":{"peerIP":"10.55.0.1","asNumber":1,"later":{"a":1}}}"#;
    store.put(Key::stored(key.as_str()), newer);
    let got = cnictl(&store, "get bgppeer tor -o yaml").out;
    let changed = got.replace("asNumber: 1", "asNumber: 2");
    assert_eq!(apply(&store, &changed).error, None);
    assert_eq!(
        object(&store, &key)["spec"],
        json!({"peerIP": "10.55.0.1", "asNumber": 2, "later": {"a": 1}})
    );
    let error = apply(&store, &got.replace("a: 1", "a: 2")).error.unwrap();
    assert!(error.contains("spec.later: no such field"), "{error}");
}
