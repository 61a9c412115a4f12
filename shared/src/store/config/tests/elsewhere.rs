//! What points to another datastore than the embedded one.

use serde_json::{Value, json};

use super::Env;

/// Netconf and environment, whether an etcd was used before, and what is named.
type Case = (Value, Env<'static>, bool, &'static str);

const NONE: Env<'static> = &[];

pub(super) fn of_etcd() -> [Case; 6] {
    [
        (json!({"etcd_key_file": "/k"}), NONE, false, "etcd_key_file"),
        (
            json!({"etcd_enpoints": "http://a:1"}),
            NONE,
            false,
            "etcd_enpoints",
        ),
        (
            json!({"etcdEndpoints": ["http://a:1"]}),
            NONE,
            false,
            "etcdEndpoints",
        ),
        (json!({"etcd_authority": "a:1"}), NONE, false, "etcd_authority"),
        (
            json!({}),
            &[("ETCD_CA_CERT_FILE", "/ca")],
            false,
            "ETCD_CA_CERT_FILE",
        ),
        (json!({}), &[("CALICO_NODENAME", "n")], false, "CALICO_NODENAME"),
    ]
}

pub(super) fn of_kubernetes() -> [Case; 3] {
    [
        (
            json!({"kubernetes": {"kubeconfig": "/k"}}),
            NONE,
            false,
            "kubernetes.kubeconfig",
        ),
        (
            json!({"kubernetes": {"k8s_api_root": "x"}}),
            NONE,
            false,
            "kubernetes.k8s_api_root",
        ),
        (
            json!({"policy": {"k8s_api_root": "x"}}),
            NONE,
            false,
            "policy.k8s_api_root",
        ),
    ]
}

/// The host was on an etcd, or says two things at once.
pub(super) fn in_contradiction() -> [Case; 2] {
    [
        (json!({}), NONE, true, "/var/lib/cni/manx/datastore-etcd"),
        (
            json!({"etcd_cert_file": "/c"}),
            &[("DATASTORE_TYPE", "embedded")],
            false,
            "etcd_cert_file",
        ),
    ]
}
