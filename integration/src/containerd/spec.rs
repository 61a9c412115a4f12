//! A container of a manifest, as the kubelet tells a runtime of it.

use std::path::Path;

use serde_json::{Value, json};

use crate::json::{list, text};
use crate::manifests::Manifests;

/// Where a pod finds its own token.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// `NamespaceMode` of the runtime's interface: the node's.
const NODE: u8 = 2;

pub(super) fn host_network() -> Value {
    json!({"namespace_options": {"network": NODE}})
}

/// A container of a DaemonSet on a node. `secret` stands for its Secrets, `account` for its token; `more` are variables that
/// come after its own.
pub fn container(
    all: &Manifests,
    (name, node): (&str, &str),
    (secret, account): (&Path, &Path),
    more: &[(&str, String)],
) -> Value {
    let told = all.container(name);
    let volumes = all.volumes(name);
    let mount = |one: &Value| {
        let volume = volumes.iter().find(|volume| volume["name"] == one["name"]);
        let volume = volume.unwrap_or_else(|| panic!("{one}: there is no such volume"));
        let host = match volume.get("secret") {
            Some(_) => secret.display().to_string(),
            None => text(volume, "/hostPath/path").to_owned(),
        };
        json!({"container_path": one["mountPath"], "host_path": host, "readonly": one["readOnly"] == true})
    };
    let mut mounts: Vec<Value> = list(told, "/volumeMounts").iter().map(mount).collect();
    mounts.push(json!({"container_path": ACCOUNT, "host_path": account, "readonly": true}));
    let own = all.environment(name, node).into_iter();
    let more = more.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let envs: Vec<Value> = own
        .chain(more)
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    let rights = &told["securityContext"];
    json!({
        "image": {"image": told["image"]}, "command": told["command"], "envs": envs, "mounts": mounts,
        "linux": {"security_context": {
            "namespace_options": {"network": NODE},
            "capabilities": {"add_capabilities": list(rights, "/capabilities/add"),
                "drop_capabilities": list(rights, "/capabilities/drop")},
            "readonly_rootfs": rights["readOnlyRootFilesystem"] == true,
            "no_new_privs": rights["allowPrivilegeEscalation"] == false,
        }}
    })
}
