//! When a datastore begins: never by a look, and never where nobody says which is meant.
#![expect(clippy::disallowed_methods, reason = "files of the test")]

use clap::Parser;

use super::*;

const POOL: &str =
    "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.0.0.0/24}}";
/// Every command that needs a datastore and does not begin one.
const LOOKS: [&str; 16] = [
    "get ippool",
    "get node -w",
    "describe ippool",
    "delete ippool p",
    "replace -f POOL",
    "patch ippool p -p {}",
    "label node n a=b",
    "ipam show",
    "ipam check",
    "ipam explain --node n",
    "ipam headroom",
    "ipam release --ip 10.0.0.1",
    "ipam split 2 --name p",
    "node status --node n",
    "node decommission n --plan",
    "etcd roles --apply",
];

/// And those that may.
const BEGINNINGS: [&str; 3] = [
    "apply -f POOL",
    "create -f POOL",
    "ipam configure --strictaffinity true",
];

struct Nobody;

impl Screen for Nobody {
    fn out(&mut self, _: &str) -> bool {
        false
    }

    fn err(&mut self, _: &str) {}
}

/// A machine's folders, and nothing in them.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(machine.path("net.d")).unwrap();
        std::fs::write(machine.path("pool.yaml"), POOL).unwrap();
        std::fs::write(machine.path("cnictl.yaml"), "# nothing\n").unwrap();
        machine
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn has_store(&self) -> bool {
        self.0.path().join("state/data").exists()
    }

    /// What becomes of the words.
    fn run(&self, words: &str) -> Outcome {
        let [networks, state, config, pool] =
            ["net.d", "state", "cnictl.yaml", "pool.yaml"].map(|name| self.path(name));
        let words = words.replace("POOL", &pool);
        let line = [
            "cnictl",
            "--cni-conf-dir",
            &networks,
            "--state-dir",
            &state,
            "--config",
            &config,
        ];
        let cli = Cli::try_parse_from(line.into_iter().chain(words.split(' '))).unwrap();
        let birth = Birth {
            now: "2026-11-22T16:12:47Z".parse().unwrap(),
            uid: || "u".to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .unwrap()
            .block_on(run(cli, &BTreeMap::new(), birth, &mut Nobody))
    }
}

#[test]
fn where_nothing_says_which_datastore_none_is_made_and_what_was_looked_at_is_named() {
    let machine = Machine::new();
    for words in LOOKS.iter().chain(&BEGINNINGS) {
        let error = machine.run(words).error.unwrap();
        for part in [
            "--etcd-endpoints",
            "ETCD_ENDPOINTS",
            "/cnictl.yaml (--config)",
            "/net.d",
            "/state/data",
            "cnictl install",
        ] {
            assert!(error.contains(part), "{words}: no {part} in {error}");
        }
        assert!(!machine.has_store(), "{words}");
    }
    assert!(machine.run("version").out.starts_with("Client Version:"));
    machine.run("doctor");
    assert!(!machine.has_store());
}

#[test]
fn a_store_that_is_yet_to_be_made_is_made_by_the_first_write_and_by_no_look() {
    let machine = Machine::new();
    let network = r#"{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "cni-net"}]}"#;
    std::fs::write(machine.path("net.d/10-manx.conflist"), network).unwrap();
    for words in LOOKS {
        let error = machine.run(words).error.unwrap();
        for part in ["/state/data", "/net.d/10-manx.conflist", "cnictl apply -f"] {
            assert!(error.contains(part), "{words}: no {part} in {error}");
        }
    }
    for words in BEGINNINGS {
        let dry = machine.run(&format!("{words} --dry-run"));
        assert!(
            dry.error.is_none() && dry.out.starts_with("transaction 1\n"),
            "{words}: {dry:?}"
        );
    }
    assert!(!machine.has_store());
    let made = machine.run("apply -f POOL");
    assert_eq!(
        made.out, "Successfully applied 1 'IPPool' resource(s)\n",
        "{made:?}"
    );
    std::fs::remove_file(machine.path("net.d/10-manx.conflist")).unwrap();
    assert!(
        machine.run("get ippool").out.contains("10.0.0.0/24"),
        "there is one, and nothing else is named"
    );
}
