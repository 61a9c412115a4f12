//! What the netconf, CNI_ARGS and the environment ask of `cni-ipam`. Pure: the node's name comes from outside.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;
use shared::cni::NetConf;
use shared::cni::timeouts::{TIME_LEFT, Timeouts};
use shared::cni::{Attachment, Env};
use shared::cni::{CniError, Code};
use shared::ipam::AssignRequest;
use shared::log::LogConfig;
use shared::store::config::{Choice, Dirs, Warning, choose};

/// Calico's host-wide lock, shared with its plugin.
const LOCK_FILE: &str = "/var/run/calico/ipam.lock";

/// One invocation's settings.
pub(crate) struct Config {
    pub(crate) network: String,
    pub(crate) dirs: Dirs,
    pub(crate) timeouts: Timeouts,
    pub(crate) lock_file: PathBuf,
    pub(crate) log: LogConfig,
    pub(crate) naming: Naming,
}

/// Where the node's name may come from.
pub(crate) struct Naming {
    pub(crate) nodename: Option<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) hostname: Option<String>,
}

/// The netconf's `ipam` section. Only ADD depends on it: a mistake here must not keep a DEL from giving back.
struct Ipam {
    ipv4: bool,
    ipv6: bool,
    pools_v4: Vec<String>,
    pools_v6: Vec<String>,
    given: Given,
}

/// What `cni-net` has learnt and passes on.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    namespace_labels: Option<BTreeMap<String, String>>,
    /// Who asked for the pools.
    ipv4_pools_from: Option<String>,
    ipv6_pools_from: Option<String>,
}

impl Ipam {
    fn of(conf: &NetConf) -> Result<Self, CniError> {
        Ok(Self {
            ipv4: conf.text("ipam.assign_ipv4")?.as_deref() != Some("false"),
            ipv6: conf.text("ipam.assign_ipv6")?.as_deref() == Some("true"),
            pools_v4: conf.field("ipam.ipv4_pools")?.unwrap_or_default(),
            pools_v6: conf.field("ipam.ipv6_pools")?.unwrap_or_default(),
            given: conf.field("manx")?.unwrap_or_default(),
        })
    }
}

impl Config {
    /// Reads every field this plugin knows; a wrong type is an error naming it.
    pub(crate) fn new(conf: &NetConf, env: &Env) -> Result<Self, CniError> {
        Ok(Self {
            network: conf.name.clone(),
            dirs: Dirs::from(conf.raw(), env.vars()).map_err(crate::error::config)?,
            timeouts: Timeouts::of(conf)?,
            lock_file: conf
                .path("ipam_lock_file")?
                .unwrap_or_else(|| PathBuf::from(LOCK_FILE)),
            log: LogConfig::of(conf)?,
            naming: Naming {
                nodename: conf.text("nodename")?,
                file: conf.path("nodename_file")?,
                hostname: conf.text("hostname")?,
            },
        })
    }

    /// Refuses an ADD that nothing needs to be opened for to see that it cannot be.
    pub(crate) fn refuse(conf: &NetConf, attachment: &Attachment, node: &str) -> Result<(), CniError> {
        let ipam = Ipam::of(conf)?;
        if specific(conf, attachment)?.is_empty() && !ipam.ipv4 && !ipam.ipv6 {
            return Err(CniError::new(
                Code::NoAddressWanted,
                "ipam.assign_ipv4 is \"false\" and ipam.assign_ipv6 is not \"true\": no address is wanted; \
                 turn one of them on",
            ));
        }
        Self::named(node)
    }

    /// Refuses a name that no Node can have.
    pub(crate) fn named(node: &str) -> Result<(), CniError> {
        if shared::model::meta::valid_name(node) {
            return Ok(());
        }
        let text = format!(
            "node name {node:?}: lower-case letters, digits, '-' and '.' only (RFC 1123); set \"nodename\" or its file"
        );
        Err(CniError::new(Code::NodeNameUnknown, text))
    }

    /// Whether a pod's namespace could be known, and the calling plugin has not said anything of it.
    pub(crate) fn is_untold(conf: &NetConf, attachment: &Attachment) -> Result<bool, CniError> {
        let could = conf.text("kubernetes.kubeconfig")?.is_some() && pod(attachment).is_some();
        Ok(could && Ipam::of(conf)?.given.namespace_labels.is_none())
    }

    /// Whether what only ADD reads can be read.
    pub(crate) fn readable(conf: &NetConf) -> Result<(), CniError> {
        Ipam::of(conf).map(|_| ())
    }

    /// What to ask the allocator for.
    pub(crate) fn request(
        &self,
        conf: &NetConf,
        attachment: &Attachment,
        node: &str,
        now: Timestamp,
    ) -> Result<AssignRequest, CniError> {
        let pod = pod(attachment);
        let specific = specific(conf, attachment)?;
        let ipam = Ipam::of(conf)?;
        let mut attributes = BTreeMap::from([
            ("node".to_owned(), node.to_owned()),
            ("timestamp".to_owned(), shared::model::meta::go_text(now)),
        ]);
        if let Some((namespace, pod)) = &pod {
            attributes.insert("namespace".to_owned(), namespace.clone());
            attributes.insert("pod".to_owned(), pod.clone());
        }
        Ok(AssignRequest {
            host: node.to_owned(),
            handle: handle(&self.network, attachment),
            attributes,
            want_v4: specific.is_empty() && ipam.ipv4,
            want_v6: specific.is_empty() && ipam.ipv6,
            specific,
            pools_v4: ipam.pools_v4,
            pools_v6: ipam.pools_v6,
            now,
            pools_v4_from: from(ipam.given.ipv4_pools_from, "ipv4_pools"),
            pools_v6_from: from(ipam.given.ipv6_pools_from, "ipv6_pools"),
            namespace_labels: ipam.given.namespace_labels,
            kubernetes: pod.is_some(),
            ..AssignRequest::default()
        })
    }
}

fn from(annotation: Option<String>, field: &str) -> String {
    annotation.unwrap_or_else(|| format!("netconf ipam.{field}"))
}

/// Which datastore: netconf first, then the environment.
pub(crate) fn datastore(
    conf: &NetConf,
    env: &Env,
    used_etcd: bool,
) -> Result<(Choice, Vec<Warning>), CniError> {
    choose(conf.raw(), env.vars(), used_etcd).map_err(crate::error::config)
}

/// `<network>.<container>`, Calico's handle of a container's addresses.
pub(crate) fn handle(network: &str, attachment: &Attachment) -> String {
    format!("{network}.{}", attachment.container_id)
}

/// Every handle this container may have: today's, and the one Calico gave before version 3.
pub(crate) fn handles(network: &str, attachment: &Attachment) -> Vec<String> {
    let old = match pod(attachment) {
        Some((namespace, pod)) => format!("{namespace}.{pod}"),
        None => attachment.container_id.clone(),
    };
    vec![handle(network, attachment), old]
}

/// Namespace and name of the pod, when the runtime said both.
pub(crate) fn pod(attachment: &Attachment) -> Option<(String, String)> {
    let argument = |key| {
        attachment
            .args
            .get(key)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    Some((argument("K8S_POD_NAMESPACE")?, argument("K8S_POD_NAME")?))
}

/// The addresses asked for by name: CNI_ARGS `IP=`, `runtimeConfig.ips`, `args.cni.ips`; one per family.
fn specific(conf: &NetConf, attachment: &Attachment) -> Result<Vec<IpAddr>, CniError> {
    let argument = attachment.args.get("IP").filter(|ip| !ip.is_empty());
    let by_argument = argument
        .into_iter()
        .flat_map(|ips| ips.split(','))
        .map(|ip| ("CNI_ARGS IP", ip));
    let by_args: Vec<String> = conf.field("args.cni.ips")?.unwrap_or_default();
    let by_args = by_args.iter().map(|ip| ("args.cni.ips", ip.as_str()));
    let by_runtime = conf
        .runtime
        .ips
        .iter()
        .map(|ip| ("runtimeConfig.ips", ip.as_str()));
    let mut wanted: Vec<(&str, IpAddr)> = Vec::new();
    for (source, text) in by_argument.chain(by_runtime).chain(by_args) {
        let ip = address(source, text)?;
        if wanted.iter().any(|(_, other)| *other == ip) {
            continue;
        }
        if let Some((other, first)) = wanted.iter().find(|(_, other)| other.is_ipv4() == ip.is_ipv4()) {
            return Err(CniError::new(
                Code::InvalidConfig,
                format!("{source} asks for {ip} and {other} for {first}: a pod has one address per family"),
            ));
        }
        wanted.push((source, ip));
    }
    Ok(wanted.into_iter().map(|(_, ip)| ip).collect())
}

fn address(source: &str, text: &str) -> Result<IpAddr, CniError> {
    let text = text.trim();
    let parsed = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<IpNet>().ok().map(|net| net.addr()));
    let code = if source.starts_with("CNI_ARGS") {
        Code::InvalidEnvironment
    } else {
        Code::InvalidConfig
    };
    parsed.ok_or_else(|| CniError::new(code, format!("{source}: {text:?} is not an IP address")))
}

/// The time left: the verb's own limit, or what the calling plugin has left of its own.
pub(crate) fn budget(env: &Env, own: Duration) -> Duration {
    let given = env
        .get(TIME_LEFT)
        .and_then(|ms| ms.parse().ok())
        .map(Duration::from_millis);
    given.map_or(own, |given| given.min(own))
}
