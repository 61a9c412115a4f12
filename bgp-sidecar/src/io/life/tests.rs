use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

pub(super) fn identity(machine: &str, boot: &str, pid: u32) -> Identity {
    Identity {
        machine_id: machine.to_owned(),
        boot_id: boot.to_owned(),
        pid,
        version: "1".to_owned(),
        metrics: None,
    }
}

fn settings(document: &Value) -> Settings {
    let none = BTreeMap::new();
    crate::settings::load(document, &none, &none).unwrap().0
}

#[test]
fn a_second_sidecar_of_a_name_is_refused_with_the_pid_of_the_first() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let first = lock(&run, "a").unwrap();
    let refused = lock(&run, "a").unwrap_err();
    assert!(
        refused.contains(&format!("process {} ", std::process::id())),
        "{refused}"
    );
    assert!(lock(&run, "b").is_ok(), "another name");
    drop(first);
    assert!(lock(&run, "a").is_ok());
}

#[test]
fn only_the_same_machine_in_the_same_boot_takes_the_place_and_the_boot_before_is_waited_for() {
    let mut own = Alive::new("a", identity("m1", "b1", 7));
    let holder = |other: &Identity| serde_json::to_vec(other).unwrap();
    assert_eq!(own.may_succeed(&holder(&identity("m1", "b1", 6))), Ok(()));
    let named = |missed: Result<(), Missed>, word: &str| match missed {
        Err(Missed::Refused(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    };
    named(own.may_succeed(&holder(&identity("m2", "b1", 6))), "machine m2");
    named(own.may_succeed(b"?"), "cannot be read");
    let before = holder(&identity("m1", "b0", 6));
    for _ in 0..2 {
        assert!(matches!(own.may_succeed(&before), Err(Missed::Waiting(_))));
    }
    own.patience = Duration::ZERO;
    named(own.may_succeed(&before), "boot b0, process 6");
    // Whoever did not hear of etcd for a while begins to wait anew.
    own.patience = Duration::from_secs(3600);
    own.unsure();
    assert!(matches!(own.may_succeed(&before), Err(Missed::Waiting(_))));
}

#[test]
fn the_identity_is_what_the_files_say() {
    let root = tempfile::tempdir().unwrap();
    let (machine, boot) = (root.path().join("machine"), root.path().join("boot"));
    fs::write(&machine, "m1\n").unwrap();
    let settings = settings(&json!({"machine_id_file": machine, "boot_id_file": boot}));
    let missing = Identity::read(&settings).unwrap_err();
    assert!(missing.contains(&boot.display().to_string()));
    fs::write(&boot, "b1\n").unwrap();
    let own = Identity::read(&settings).unwrap();
    assert_eq!((own.machine_id.as_str(), own.boot_id.as_str()), ("m1", "b1"));
}

#[test]
fn the_nodes_name_is_written_where_the_plugins_look_for_it() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("calico/nodename");
    assert_eq!(write_node_name(&file, "worker-1"), Ok(true));
    assert_eq!(write_node_name(&file, "worker-1"), Ok(false));
    assert_eq!(fs::read_to_string(&file).unwrap(), "worker-1");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    let mut settings = settings(&json!({}));
    settings.nodename_file.clone_from(&file);
    assert_eq!(node_name(&settings).unwrap().name, "worker-1");
    settings.nodename = Some("n7".to_owned());
    assert_eq!(node_name(&settings).unwrap().name, "n7");
}
