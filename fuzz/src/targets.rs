//! The functions. Each takes whatever an outsider might send.

mod bgp;
mod plugins;
mod stored;

use std::collections::BTreeMap;

use bgp_sidecar::settings;
use bgp_sidecar::shown::{self, Door};
use cnictl::datastore::conflist as networks;
use cnictl::resource::Document;
use cnictl::{validate, yaml as documents};
use serde_json::{Map, Value};
use shared::cni::config::NetConf;
use shared::selector::Selector as Parsed;
use shared::store::config;

pub use bgp::{bgp_message, bgp_open};
pub use plugins::{cni_call, pod};
pub use stored::stored_value;

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn chosen(settings: &Map<String, Value>, env: &BTreeMap<String, String>) {
    for used_etcd in [false, true] {
        if let Err(error) = config::choose(settings, env, used_etcd) {
            // Code 7 is the CNI spec's for a configuration that cannot be read; from 100 on they are ours.
            assert!(error.code() == 7 || (100..140).contains(&error.code()), "{error}");
        }
    }
}

/// A network configuration list, as `cnictl` finds it on a node.
pub fn conflist(octets: &[u8]) {
    let files = [("fuzz".to_owned(), text(octets))];
    if let Some((origin, plugin)) = networks::ours(&files) {
        assert_eq!(origin, "fuzz");
        chosen(&plugin, &BTreeMap::new());
    }
    let _ = NetConf::parse(octets);
}

/// What is given to `cnictl apply`, and to the sidecar as its settings.
pub fn yaml(octets: &[u8]) {
    let text = text(octets);
    for read in documents::read("fuzz", &text).into_iter().flatten() {
        let Ok(document) = Document::new(read, None) else {
            continue;
        };
        if let Ok(prepared) = validate::prepare(document) {
            let said = documents::write(&Value::Object(prepared.document.spec));
            assert!(said.is_ok(), "{said:?}");
        }
    }
    if let Ok(file) = documents::single("fuzz", &text) {
        let _ = settings::load(&file, &BTreeMap::new(), &BTreeMap::new());
    }
}

/// A selector.
pub fn selector(octets: &[u8]) {
    let text = text(octets);
    let labels = [("a", "b"), ("rack", "7"), ("", "")];
    let labels = labels
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    match Parsed::parse(&text) {
        Ok(selector) => {
            let not = Parsed::Not(Box::new(selector.clone()));
            assert_ne!(selector.matches(&labels), not.matches(&labels));
        }
        Err(error) => assert_eq!(error.selector, text),
    }
}

/// The first line of a request at a door of the sidecar.
pub fn status_request(octets: &[u8]) {
    let line = text(octets);
    let (method, target) = line.split_once(' ').unwrap_or((&line, "/"));
    for door in [Door::Socket, Door::Tcp] {
        match shown::read(door, method, target) {
            Ok(_) => assert_eq!(method, "GET", "{target}"),
            Err(response) => assert!((400..500).contains(&response.status), "{line}"),
        }
    }
}
