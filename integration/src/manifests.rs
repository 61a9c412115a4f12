//! Manifests as Kubernetes would read them: put together by kustomize, every field known to the API's own types.

use std::path::Path;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json::{list, text};
use crate::process::Cmd;
use crate::require;

/// The objects of a kustomization.
pub struct Manifests(Vec<Value>);

impl Manifests {
    /// Those of a folder below `conf/kubernetes`; each of a kind that is known, without a field that is not.
    pub fn build(folder: &str) -> Self {
        let folder = require::file(&format!("conf/kubernetes/{folder}"));
        let yaml = Cmd::new(require::built_tool("kustomize"))
            .args(["build"])
            .args([&folder])
            .ok();
        let objects = documents(&yaml);
        assert!(!objects.is_empty(), "{}: nothing", folder.display());
        objects.iter().for_each(strict);
        Self(objects)
    }

    /// The objects of a kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |object| text(object, "/kind") == kind)
    }

    /// All of them.
    pub fn all(&self) -> &[Value] {
        &self.0
    }

    /// The object of this kind, namespace and name.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> &Value {
        let is_it = |object: &&Value| {
            text(object, "/metadata/name") == name && text(object, "/metadata/namespace") == namespace
        };
        let of_kind = self.0.iter().filter(|object| text(object, "/kind") == kind);
        let found = of_kind.into_iter().find(is_it);
        found.unwrap_or_else(|| panic!("there is no {kind} {namespace}/{name}"))
    }

    /// A container of a DaemonSet, by its name.
    pub fn container(&self, name: &str) -> &Value {
        let found = self
            .pod(name)
            .and_then(|pod| containers(pod).find(|one| text(one, "/name") == name));
        found.unwrap_or_else(|| panic!("there is no container {name}"))
    }

    /// The volumes of its pod.
    pub fn volumes(&self, container: &str) -> &[Value] {
        self.pod(container).map_or(&[], |pod| list(pod, "/volumes"))
    }

    fn pod(&self, container: &str) -> Option<&Value> {
        let mut pods = self.of("DaemonSet").map(|set| &set["spec"]["template"]["spec"]);
        pods.find(|pod| containers(pod).any(|one| text(one, "/name") == container))
    }

    /// What a container's environment says, references to ConfigMaps looked up, of a pod on this node.
    pub fn environment(&self, container: &str, node: &str) -> Vec<(String, String)> {
        let one = |variable: &Value| {
            let from = &variable["valueFrom"];
            let value = match from.get("configMapKeyRef") {
                Some(key) => {
                    let map = self.get("ConfigMap", "manx-system", text(key, "/name"));
                    let value = map["data"].get(text(key, "/key")).and_then(Value::as_str);
                    value
                        .unwrap_or_else(|| panic!("{key} is not in {map}"))
                        .to_owned()
                }
                None if text(from, "/fieldRef/fieldPath") == "spec.nodeName" => node.to_owned(),
                None => text(variable, "/value").to_owned(),
            };
            (text(variable, "/name").to_owned(), value)
        };
        list(self.container(container), "/env").iter().map(one).collect()
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    list(pod, "/containers")
        .iter()
        .chain(list(pod, "/initContainers"))
}

/// The documents of a text.
pub fn documents(yaml: &str) -> Vec<Value> {
    let read = serde_saphyr::from_multiple::<Value>(yaml);
    read.unwrap_or_else(|error| panic!("{error}: {yaml}"))
}

/// The documents of a file of the repository.
pub fn file(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path);
    documents(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Fails unless the API's type of its kind has every field.
fn strict(object: &Value) {
    let known = match text(object, "/kind") {
        "ClusterRole" => typed::<ClusterRole>(object),
        "ClusterRoleBinding" => typed::<ClusterRoleBinding>(object),
        "ConfigMap" => typed::<ConfigMap>(object),
        "DaemonSet" => typed::<DaemonSet>(object),
        "Namespace" => typed::<Namespace>(object),
        "Role" => typed::<Role>(object),
        "RoleBinding" => typed::<RoleBinding>(object),
        "Secret" => typed::<Secret>(object),
        "ServiceAccount" => typed::<ServiceAccount>(object),
        kind => panic!("{kind}: is it meant? {object}"),
    };
    covers(&known, object, text(object, "/kind"));
}

fn typed<T: Serialize + DeserializeOwned>(object: &Value) -> Value {
    let read: T = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"));
    serde_json::to_value(read).unwrap_or_else(|error| panic!("{error}: {object}"))
}

/// A field that the type does not have is dropped when it is read.
fn covers(known: &Value, object: &Value, at: &str) {
    match (known, object) {
        (Value::Object(known), Value::Object(object)) => {
            for (key, value) in object {
                let empty = value.as_object().is_some_and(serde_json::Map::is_empty);
                match known.get(key) {
                    Some(known) => covers(known, value, &format!("{at}.{key}")),
                    None => assert!(empty, "{at}.{key} is no field of it"),
                }
            }
        }
        (Value::Array(known), Value::Array(object)) => {
            assert_eq!(known.len(), object.len(), "{at}");
            for (number, (known, value)) in known.iter().zip(object).enumerate() {
                covers(known, value, &format!("{at}[{number}]"));
            }
        }
        _ => assert_eq!(known, object, "{at}"),
    }
}
