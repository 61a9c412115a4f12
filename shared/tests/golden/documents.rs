//! Every recorded document, read and written back.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::model::Stored;
use shared::model::affinity::BlockAffinity;
use shared::model::block::Block;
use shared::model::clusterinformation::ClusterInformation;
use shared::model::handle::Handle;
use shared::model::ipamconfig::{IPAMConfig, IPAMConfiguration};
use shared::model::ippool::IPPool;
use shared::model::ipreservation::IPReservation;
use shared::model::node::Node;
use shared::model::workloadendpoint::WorkloadEndpoint;

use crate::recorded::{STEPS, scene, texts};

#[test]
fn every_document_read_and_written_back_is_the_same_text() {
    fn back<T: Stored>(text: &str) -> String {
        String::from_utf8(T::from_bytes(text.as_bytes()).unwrap().to_bytes()).unwrap()
    }
    let mut seen = BTreeMap::<&str, usize>::new();
    for step in 1..=STEPS.len() {
        for (key, text) in texts(step) {
            let (kind, again) = match key.as_str() {
                key if key.contains("/assignment/") => ("block", back::<Block>(&text)),
                key if key.contains("/v2/handle/") => ("handle", back::<Handle>(&text)),
                key if key.contains("/v2/host/") => ("affinity", back::<BlockAffinity>(&text)),
                key if key.ends_with("/v2/config") => ("config", back::<IPAMConfig>(&text)),
                key if key.contains("/ippools/") => ("pool", back::<IPPool>(&text)),
                key if key.contains("/nodes/") => ("node", back::<Node>(&text)),
                key if key.contains("/ipreservations/") => ("reservation", back::<IPReservation>(&text)),
                key if key.contains("/workloadendpoints/") => ("endpoint", back::<WorkloadEndpoint>(&text)),
                key if key.contains("/ipamconfigurations/") => ("applied", back::<IPAMConfiguration>(&text)),
                key if key.contains("/clusterinformations/") => {
                    ("cluster", back::<ClusterInformation>(&text))
                }
                _ => continue,
            };
            assert_eq!(again, text, "{key}");
            *seen.entry(kind).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

#[test]
fn every_unknown_field_survives_a_rewrite() {
    for (key, text) in texts(16).iter().filter(|(key, _)| key.contains("/ipam/")) {
        let mut value: Value = serde_json::from_str(text).unwrap();
        value["future"] = serde_json::json!({"n": u64::MAX, "list": [null, 1]});
        let text = value.to_string();
        let back: Value = match key {
            key if key.contains("/assignment/") => {
                serde_json::from_slice(&Block::from_bytes(text.as_bytes()).unwrap().to_bytes()).unwrap()
            }
            key if key.contains("/v2/handle/") => {
                serde_json::from_slice(&Handle::from_bytes(text.as_bytes()).unwrap().to_bytes()).unwrap()
            }
            _ => continue,
        };
        assert_eq!(back, value, "{key}");
    }
}

#[test]
fn the_recorded_states_hold_no_contradiction() {
    for step in 1..=STEPS.len() {
        assert_eq!(scene(step).audit(), [], "step {step}");
    }
}
