//! Datastores as data, and what is written into them.

use serde_json::{Value, json};
use shared::txn::{Entry, Revision};

use super::*;
use crate::autodetect::{Address, Interface};
use crate::settings::Choice;

mod finding;
mod pool;

fn machine(addresses: &[&str]) -> Facts {
    let address = |text: &&str| Address {
        net: text.parse().unwrap(),
        secondary: false,
        usable: true,
    };
    Facts {
        interfaces: vec![Interface {
            index: 2,
            name: "eth0".to_owned(),
            up: true,
            addresses: addresses.iter().map(address).collect(),
        }],
        ..Facts::default()
    }
}

struct Case {
    stored: Vec<(Key, Value)>,
    identity: Identity,
    pools: [FirstPool; 2],
    trouble: Option<String>,
    reference: Option<&'static str>,
}

impl Case {
    fn new() -> Self {
        Self {
            stored: Vec::new(),
            identity: Identity::default(),
            pools: [FirstPool::default(), FirstPool::default()],
            trouble: None,
            reference: None,
        }
    }

    fn with(mut self, plural: Plural, name: &str, spec: Value) -> Self {
        let document = json!({"metadata": {"name": name}, "spec": spec});
        self.stored.push((Key::resource(plural, name), document));
        self
    }

    fn node(self, name: &str, bgp: Value) -> Self {
        self.with(Plural::Nodes, name, json!({ "bgp": bgp }))
    }

    fn choose(mut self, ipv4: Choice, ipv6: Choice) -> Self {
        (self.identity.ipv4, self.identity.ipv6) = (ipv4, ipv6);
        self
    }

    fn pool(mut self, cidr: &str) -> Self {
        let family = usize::from(cidr.contains(':'));
        self.pools[family].cidr = Some(cidr.parse().unwrap());
        self
    }

    fn decide(&self) -> Result<Decision<Registered>, RegisterError> {
        let entries = self.stored.iter().map(|(key, value)| {
            let entry = Entry {
                value: value.to_string().into_bytes(),
                revision: Revision(3),
            };
            (key.clone(), entry)
        });
        let snapshot = Snapshot::new(&reads(), Revision(9), entries, []);
        let mut facts = machine(&["10.0.0.1/24", "fd00::1/64"]);
        facts.trouble.clone_from(&self.trouble);
        let request = Request {
            node: "n1",
            identity: &self.identity,
            ipv4_facts: &facts,
            ipv6_facts: &facts,
            ipv4_pool: &self.pools[0],
            ipv6_pool: &self.pools[1],
            uids: ["u1", "u2", "u3"],
            kubernetes: false,
            reference: self.reference,
            now: "2026-11-22T16:12:47Z".parse().unwrap(),
        };
        decide(&snapshot, &request)
    }

    fn committed(&self) -> (Txn, Registered) {
        match self.decide() {
            Ok(Decision::Commit(txn, registered)) => (txn, registered),
            other => panic!("{other:?}"),
        }
    }

    /// What is written, by key.
    fn written(&self) -> Vec<Value> {
        let (txn, _) = self.committed();
        let value = |write: &Write| match write {
            Write::Put(_, value) => serde_json::from_slice(value).unwrap(),
            Write::Delete(key) => panic!("{key}"),
        };
        txn.writes.iter().map(value).collect()
    }
}

fn address(text: &str) -> Choice {
    Choice::Address(text.parse().unwrap())
}

#[test]
fn a_new_node_is_registered_with_what_is_found() {
    let case = Case::new();
    let (txn, registered) = case.committed();
    assert_eq!(registered.written, ["Node n1"]);
    let key = Key::resource(Plural::Nodes, "n1");
    assert!(txn.guards.contains(&Guard::Absent(key)));
    let prefix = Prefix::resources(Plural::Nodes);
    assert!(txn.guards.contains(&Guard::NothingNewer(prefix, Revision(9))));
    assert_eq!(
        case.written()[0]["spec"],
        json!({
            "bgp": {"ipv4Address": "10.0.0.1/24"},
            "addresses": [{"address": "10.0.0.1/24", "type": "CalicoNodeIP"}]
        })
    );
}

#[test]
fn what_is_registered_stays_and_is_not_written_again() {
    let bgp = json!({"asNumber": "64086.61928", "ipv4Address": "192.168.1.4/24", "routeReflectorClusterID": "1.1.1.1"});
    let addresses = json!([{"address": "192.168.1.4/24", "type": "CalicoNodeIP"}, {"address": "x", "type": "InternalIP"}]);
    let mut case = Case::new().with(
        Plural::Nodes,
        "n1",
        json!({"bgp": bgp, "addresses": addresses, "wireguard": {}}),
    );
    let Ok(Decision::Done(registered)) = case.decide() else {
        panic!()
    };
    assert_eq!(registered.addresses, ["192.168.1.4/24".parse().unwrap()]);
    case.identity.number = Some(4_200_002_024);
    assert!(matches!(case.decide(), Ok(Decision::Done(_))));
    case = case.choose(Choice::Autodetect, Choice::Autodetect);
    let spec = &case.written()[0]["spec"];
    assert_eq!(
        spec["bgp"],
        json!({"asNumber": "64086.61928", "ipv4Address": "10.0.0.1/24", "ipv6Address": "fd00::1/64", "routeReflectorClusterID": "1.1.1.1"})
    );
    assert_eq!(spec["addresses"].as_array().unwrap().len(), 3);
    assert_eq!(spec["wireguard"], json!({}));
    case.identity.number = Some(7);
    assert_eq!(case.written()[0]["spec"]["bgp"]["asNumber"], json!(7));
}

#[test]
fn an_address_that_is_given_takes_its_network_from_the_interface() {
    let written = |ipv4: &str| {
        let case = Case::new().choose(address(ipv4), Choice::None);
        case.written()[0]["spec"]["bgp"]["ipv4Address"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(written("10.0.0.1/32"), "10.0.0.1/24");
    assert_eq!(written("10.0.0.1/16"), "10.0.0.1/16");
    assert_eq!(written("10.9.9.9/32"), "10.9.9.9/32");
}

#[test]
fn a_node_of_one_family_loses_the_other() {
    let case = Case::new()
        .node(
            "n1",
            json!({"ipv4Address": "10.0.0.1/24", "ipv6Address": "fd00::1/64"}),
        )
        .choose(Choice::None, Choice::Unset);
    assert_eq!(
        case.written()[0]["spec"]["bgp"],
        json!({"ipv6Address": "fd00::1/64"})
    );
    let none = Case::new()
        .choose(Choice::None, Choice::None)
        .decide()
        .unwrap_err();
    assert!(matches!(none, RegisterError::NoAddress(_)));
}

#[test]
fn an_interface_that_is_not_up_yet_changes_nothing() {
    let mut case = Case::new().node("n1", json!({"ipv4Address": "192.168.1.4/24"}));
    case = case.choose(Choice::Autodetect, Choice::Unset);
    case.identity.ipv4_method = Method::parse("interface=ens.*").unwrap();
    let (_, registered) = case.committed();
    assert_eq!(registered.addresses, ["192.168.1.4/24".parse().unwrap()]);
    assert!(registered.warnings[0].contains("the registered address 192.168.1.4/24 stays"));
    case.stored.clear();
    let error = case.decide().unwrap_err().to_string();
    assert!(
        error.contains("no address to speak BGP from") && error.contains("interface=ens.*"),
        "{error}"
    );
}

#[test]
fn another_nodes_address_is_refused_and_the_node_named() {
    let case = Case::new().node("n2", json!({"ipv4Address": "10.0.0.1/16"}));
    let error = case.decide().unwrap_err().to_string();
    assert!(
        error.starts_with("Node n2 has the address 10.0.0.1 already"),
        "{error}"
    );
    let six = Case::new().node("n2", json!({"ipv6Address": "fd00::1/64"}));
    assert_eq!(six.committed().1.written, ["Node n1"]);
    assert!(six.choose(Choice::Unset, Choice::Autodetect).decide().is_err());
}

#[test]
fn a_locked_or_unread_datastore_is_not_written_to() {
    let locked = Case::new().with(
        Plural::ClusterInformations,
        "default",
        json!({"datastoreReady": false}),
    );
    assert_eq!(locked.decide(), Err(RegisterError::Locked));
    let open = Case::new().with(
        Plural::ClusterInformations,
        "default",
        json!({"datastoreReady": true}),
    );
    let cluster = ClusterInformation::only_key();
    assert!(
        open.committed()
            .0
            .guards
            .contains(&Guard::Unchanged(cluster, Revision(3)))
    );
    let corrupt = Case::new()
        .with(Plural::Nodes, "n1", json!({"bgp": 7}))
        .decide()
        .unwrap_err();
    assert!(
        corrupt.to_string().starts_with("Node n1 cannot be read"),
        "{corrupt}"
    );
}

#[test]
fn what_was_not_read_is_asked_for() {
    let case = Case::new();
    let facts = machine(&[]);
    let request = Request {
        node: "n1",
        identity: &case.identity,
        ipv4_facts: &facts,
        ipv6_facts: &facts,
        ipv4_pool: &case.pools[0],
        ipv6_pool: &case.pools[1],
        uids: ["u1", "u2", "u3"],
        kubernetes: false,
        reference: None,
        now: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(
        decide(&Snapshot::default(), &request),
        Ok(Decision::Read(reads()))
    );
}
