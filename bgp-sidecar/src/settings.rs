//! The daemon's own configuration: flag, then `MANX_…`, then `CALICO_…`, `ETCD_…` and Calico's other variables, then
//! the file. Empty text and null are absent. Pure; every key stands in [`KEYS`].

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Map, Value};
use shared::model::bgp::BGPConfiguration;

use crate::autodetect::Method;
use crate::peers::{Defaults, RouterId};

mod gather;
mod kubernetes;
mod parse;
mod similar;
mod table;

pub use gather::SettingError;
pub use kubernetes::Kubernetes;
pub use table::{KEYS, Key, help};

use gather::Given;

/// Everything the daemon is told beside the datastore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The datastore's fields as in a netconf, `state_dir` and `run_dir` among them, for
    /// [`shared::store::config::choose`].
    pub netconf: Map<String, Value>,
    /// `nodename`; without it the node's file and the host's name decide.
    pub nodename: Option<String>,
    /// `nodename_file`
    pub nodename_file: PathBuf,
    /// `state_dir`
    pub state_dir: PathBuf,
    /// `run_dir`
    pub run_dir: PathBuf,
    /// `listen_address`; `None` is every address.
    pub listen_address: Option<IpAddr>,
    /// `listen_port`; `None` is what BGPConfiguration says.
    pub listen_port: Option<u16>,
    /// Of sessions: times, limits, and what is said of single peers.
    pub sessions: Defaults,
    /// `importPolicy`
    pub import_policy: ImportPolicy,
    /// `exception_routes`: whether this node routes around its own blackholes to addresses it has lent.
    pub exception_routes: bool,
    /// `audit_interval`: how often what is heard of is looked at all the same.
    pub audit: Duration,
    /// `router_id`
    pub router_id: RouterId,
    /// `metrics_address`; `None` is nowhere.
    pub metrics_address: Option<SocketAddr>,
    /// `log_level`; `None` is what BGPConfiguration says.
    pub log_level: Option<LogLevel>,
    /// `log_format: json`
    pub log_json: bool,
    /// `secrets_dir`
    pub secrets_dir: PathBuf,
    /// `sysctl_dir`
    pub sysctl_dir: PathBuf,
    /// `machine_id_file`
    pub machine_id_file: PathBuf,
    /// `boot_id_file`
    pub boot_id_file: PathBuf,
    /// How the API server is reached; `None` asks none.
    pub kubernetes: Option<Kubernetes>,
    /// `kubernetes_node`; without it the node's name.
    pub kubernetes_node: Option<String>,
    /// What this node registers itself as.
    pub identity: Identity,
    /// The first pool of IPv4.
    pub ipv4_pool: FirstPool,
    /// The first pool of IPv6.
    pub ipv6_pool: FirstPool,
}

/// Which received routes reach the kernel where no BGPFilter decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportPolicy {
    /// Those inside pools.
    #[default]
    Pools,
    /// All, as with Calico.
    All,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `error`, Calico's Error and Fatal.
    Error,
    /// `warning`
    Warning,
    /// `info`
    Info,
    /// `debug`
    Debug,
    /// `trace`
    Trace,
}

/// What this node registers itself as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `ip`
    pub ipv4: Choice,
    /// `ip6`
    pub ipv6: Choice,
    /// `ip_autodetection_method`
    pub ipv4_method: Method,
    /// `ip6_autodetection_method`
    pub ipv6_method: Method,
    /// `as`
    pub number: Option<u32>,
}

/// Where an address of the node comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Not said: the registered one stays.
    #[default]
    Unset,
    /// `autodetect`: looked for at every start.
    Autodetect,
    /// `none`: the node has none.
    None,
    /// This; a full length means that the interface knows it better.
    Address(IpNet),
}

/// The pool made where there is none of its family: `CALICO_IPV4POOL_…`, `CALICO_IPV6POOL_…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstPool {
    /// `None` makes none.
    pub cidr: Option<IpNet>,
    /// Prefix length of a block.
    pub block_size: Option<u8>,
    /// Nodes that may take from it.
    pub node_selector: Option<String>,
    /// Never, Always, CrossSubnet.
    pub ipip: Option<String>,
    /// Never, Always, CrossSubnet.
    pub vxlan: Option<String>,
    /// Whether what leaves the pools is masqueraded.
    pub nat_outgoing: Option<bool>,
    /// Whether it is kept from every peer.
    pub disable_bgp_export: Option<bool>,
}

/// The settings in a file's document, the environment and the flags (by name, with or without `--`), and warnings;
/// or everything that is wrong with them. Flags that are orders, such as `--check-config`, are the caller's.
pub fn load(
    file: &Value,
    environment: &BTreeMap<String, String>,
    flags: &BTreeMap<String, String>,
) -> Result<(Settings, Vec<String>), Vec<SettingError>> {
    let mut given = Given::gather(file, environment, flags);
    let settings = settings(&mut given);
    let (errors, warnings) = given.finish();
    match errors.is_empty() {
        true => Ok((settings, warnings)),
        false => Err(errors),
    }
}

/// What is wrong is collected in `given`; its default stands in.
fn settings(given: &mut Given) -> Settings {
    let no_pools = given.value("no_default_pools", parse::flag);
    let kubernetes = kubernetes::of(given);
    Settings {
        netconf: given.netconf(),
        nodename: given.text("nodename"),
        nodename_file: given.path("nodename_file"),
        state_dir: given.path("state_dir"),
        run_dir: given.path("run_dir"),
        listen_address: given.maybe("listen_address", parse::address),
        listen_port: given.maybe("listen_port", parse::port),
        sessions: parse::sessions(given),
        import_policy: given.value("importPolicy", parse::import_policy),
        exception_routes: given.value("exception_routes", parse::flag),
        audit: Duration::from_secs(given.value("audit_interval", parse::positive).into()),
        router_id: given.value("router_id", parse::router_id),
        metrics_address: given.value("metrics_address", parse::metrics_address),
        log_level: given.maybe("log_level", parse::log_level),
        log_json: given.value("log_format", parse::log_json),
        secrets_dir: given.path("secrets_dir"),
        sysctl_dir: given.path("sysctl_dir"),
        machine_id_file: given.path("machine_id_file"),
        boot_id_file: given.path("boot_id_file"),
        identity: parse::identity(given, kubernetes.is_some()),
        kubernetes,
        kubernetes_node: given.text("kubernetes_node"),
        ipv4_pool: parse::first_pool(given, true, no_pools),
        ipv6_pool: parse::first_pool(given, false, no_pools),
    }
}

/// How much is logged: what the daemon is told, else the node's own BGPConfiguration, else the default one, else `info`.
pub fn log_level(
    told: Option<LogLevel>,
    configurations: &BTreeMap<String, BGPConfiguration>,
    node: &str,
) -> LogLevel {
    let severity = |name: &str| {
        let configuration = configurations.get(name)?;
        parse::log_level(configuration.spec.log_severity_screen.as_deref()?).ok()
    };
    told.or_else(|| severity(&BGPConfiguration::name_of(node)))
        .or_else(|| severity(BGPConfiguration::DEFAULT))
        .unwrap_or(LogLevel::Info)
}

#[cfg(test)]
mod tests;
