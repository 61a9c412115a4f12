//! Files of the host.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value};
use shared::store::config::EtcdConfig;
use shared::store::etcd::expiry;

use super::{ByName, value_of};
use crate::doctor::facts::{Network, Networkd, Store};

/// systemd-networkd, if it runs: its folder is made when it starts.
pub(super) fn networkd(conf: &Path) -> Option<Networkd> {
    if !Path::new("/run/systemd/netif/state").exists() {
        return None;
    }
    let mut said = String::new();
    let mut files = vec![conf.to_owned()];
    files.extend(sorted(&conf.with_file_name("networkd.conf.d")));
    for file in files {
        said += &fs::read_to_string(file).unwrap_or_default();
        said.push('\n');
    }
    let no = |value: String| matches!(value.as_str(), "no" | "false" | "0" | "off");
    Some(Networkd {
        manages_foreign_routes: !value_of(&said, "ManageForeignRoutes").is_some_and(no),
    })
}

/// What the runtime finds there, in its order.
pub(super) fn networks(folder: &Path) -> Vec<Network> {
    let counts = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        matches!(end, Some("conf" | "conflist" | "json"))
    };
    sorted(folder)
        .into_iter()
        .filter(counts)
        .map(|path| network(&path))
        .collect()
}

fn network(path: &Path) -> Network {
    let file = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let text = fs::read_to_string(path).unwrap_or_default();
    let Ok(whole) = serde_json::from_str::<Value>(&text) else {
        return Network {
            file,
            ..Network::default()
        };
    };
    let plugins = match whole["plugins"].as_array() {
        Some(list) => list.clone(),
        None => vec![whole.clone()],
    };
    let kind = |plugin: &Value| plugin["type"].as_str().unwrap_or_default().to_owned();
    let first = plugins
        .first()
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    Network {
        file,
        plugins: plugins.iter().map(kind).collect(),
        store: Some(store(&first)),
        mtu: first
            .get("mtu")
            .and_then(Value::as_u64)
            .and_then(|mtu| u32::try_from(mtu).ok())
            .unwrap_or(0),
    }
}

fn store(conf: &Map<String, Value>) -> Store {
    let text = |field: &str| conf.get(field).and_then(Value::as_str).unwrap_or_default();
    match text("etcd_endpoints") {
        "" => Store::Embedded,
        endpoints => etcd(endpoints),
    }
}

/// In whichever order they are written.
fn etcd(endpoints: &str) -> Store {
    let mut all: Vec<_> = endpoints
        .split(',')
        .map(|one| one.trim().trim_end_matches('/'))
        .collect();
    all.sort_unstable();
    Store::Etcd(all.join(","))
}

/// The sidecar's datastore, where it has a configuration.
pub(super) fn sidecar(path: &Path) -> Option<Store> {
    let text = fs::read_to_string(path).ok()?;
    Some(match value_of_yaml(&text, "etcd_endpoints") {
        Some(endpoints) if !endpoints.is_empty() => etcd(&endpoints),
        Some(_) | None => Store::Embedded,
    })
}

/// kubelet's `maxPods`, where kubelet has a configuration.
pub(super) fn max_pods(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    value_of_yaml(&text, "maxPods").map_or(Some(110), |value| value.parse().ok())
}

fn value_of_yaml(text: &str, key: &str) -> Option<String> {
    let whole: Value = crate::yaml::read("", text)
        .ok()?
        .into_iter()
        .next()
        .map(|read| read.value.into())?;
    match &whole[key] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Our programs that are installed, and what they say of themselves.
pub(super) fn programs(folder: &Path) -> ByName<String> {
    let paths = ["cni-net", "cni-ipam"].map(|name| folder.join(name));
    let sidecar =
        ["/usr/local/bin", "/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join("bgp-sidecar"));
    let there = paths.into_iter().chain(sidecar).filter(|path| path.is_file());
    there
        .filter_map(|path| {
            let said = Command::new(&path)
                .arg("--version")
                .stdin(Stdio::null())
                .output()
                .ok()?;
            let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
            Some((path.display().to_string(), said))
        })
        .collect()
}

/// When the certificates that etcd is reached with expire.
pub(super) fn certificates(etcd: &EtcdConfig) -> ByName<Duration> {
    let files = [&etcd.ca_cert_file, &etcd.cert_file].into_iter().flatten();
    files
        .filter_map(|file| Some((file.display().to_string(), expiry(file).ok()?)))
        .collect::<BTreeMap<_, _>>()
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
}
