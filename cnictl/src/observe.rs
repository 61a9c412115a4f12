//! Edge: gathers what [`crate::doctor`] judges: the kernel, files, processes, etcd's clock, the datastore. Nothing is changed.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: the host's files, processes and sockets"
)]

mod clock;
mod cluster;
mod files;
mod kernel;
mod processes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use shared::store::config::EtcdConfig;
use shared::store::open::Store;

use crate::doctor::Facts;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder of network configurations.
    pub networks: PathBuf,
    /// The folder of plugins.
    pub programs: PathBuf,
    /// The sidecar's configuration.
    pub sidecar: PathBuf,
    /// kubelet's configuration.
    pub kubelet: PathBuf,
    /// systemd-networkd's: the file, and below it `networkd.conf.d`.
    pub networkd: PathBuf,
    /// The port that the sidecar wants.
    pub port: u16,
}

/// Everything that can be had.
pub async fn facts(
    places: &Places,
    node: Option<&str>,
    store: Result<(&Store, Option<&EtcdConfig>), String>,
    now: Duration,
    version: &str,
) -> Facts {
    let mut facts = Facts {
        version: version.to_owned(),
        now,
        port: places.port,
        networkd: files::networkd(&places.networkd),
        networks: files::networks(&places.networks),
        programs: files::programs(&places.programs),
        sidecar: files::sidecar(&places.sidecar),
        max_pods: files::max_pods(&places.kubelet),
        default_routes: kernel::default_routes(),
        rivals: processes::rivals(),
        listener: processes::listener(places.port),
        ..Facts::default()
    };
    match kernel::interfaces().await {
        Ok(interfaces) => facts.interfaces = interfaces,
        Err(why) => facts.unknown.push(("interfaces", why)),
    }
    match processes::filter_rules() {
        Ok(rules) => facts.filter_rules = rules,
        Err(why) => facts.unknown.push(("forward-drop", why)),
    }
    ask(&mut facts, node, store).await;
    let uplinks: Vec<String> = facts.default_routes.clone();
    facts.sysctls = kernel::sysctls(&uplinks);
    let peers = facts.cluster.iter().flat_map(|cluster| &cluster.peers);
    facts.path_mtus = peers
        .filter_map(|(_, address, _)| Some((address.clone(), kernel::path_mtu(address)?)))
        .collect();
    facts
}

async fn ask(facts: &mut Facts, node: Option<&str>, store: Result<(&Store, Option<&EtcdConfig>), String>) {
    let (store, etcd) = match store {
        Ok(both) => both,
        Err(why) => return facts.unknown.push(("datastore", why)),
    };
    if let Some(etcd) = etcd {
        let (clocks, unknown) = clock::ahead(etcd, facts.now).await;
        facts.clocks = clocks;
        facts
            .unknown
            .extend(unknown.into_iter().map(|why| ("clock-skew", why)));
        facts.certificates = files::certificates(etcd);
    }
    let Some(node) = node else {
        let why = "this host's name as a node is not known (MANX_NODENAME, or /var/lib/calico/nodename)";
        return facts.unknown.push(("datastore", why.to_owned()));
    };
    match cluster::read(store, node).await {
        Ok(cluster) => facts.cluster = Some(cluster),
        Err(why) => facts.unknown.push(("datastore", why)),
    }
}

/// Lines `Key=value` or `key: value` of the section-less part that matters.
fn value_of(text: &str, key: &str) -> Option<String> {
    let line = |line: &str| {
        let (name, value) = line.trim().split_once(['=', ':'])?;
        (name.trim() == key).then(|| value.trim().trim_matches('"').to_owned())
    };
    text.lines().filter_map(line).next_back()
}

type ByName<T> = BTreeMap<String, T>;
