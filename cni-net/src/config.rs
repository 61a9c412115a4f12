//! What the network configuration asks of `cni-net`: Calico's fields with Calico's defaults, and a few of ours.
//! Pure. The datastore's fields are `shared::store::config`'s, the addresses' `cni-ipam`'s.
//!
//! JSON `null` is absent everywhere, `""` for every text, `0` for mtu, num_queues and the log's sizes; a value
//! of the wrong type fails the call. Ours, not Calico's:
//!
//! | field | default | meaning |
//! |---|---|---|
//! | `manage_forwarding` | true | turn on `net.ipv4.ip_forward`, and IPv6 forwarding for pods with IPv6 |
//! | `manage_rp_filter` | true | `rp_filter=1` on the host end: a pod sends only from its own address |
//! | `mtu_file` | /var/lib/calico/mtu | where Felix writes the MTU |
//! | `timeouts` `{add, del, check, gc}` | 25, 4, 10, 10 | seconds a call may take in all |
//! | `await_link_removal` | false | DEL waits until the kernel has let go of the interface (10 to 40 ms), not only until it is gone |
//! | `sidecar_required` | false | STATUS wants `run_dir/ready` |
//! | `test_faults` | false | honour MANX_TEST_FAULT: a test hook, never set it in production |
//!
//! Where the Kubernetes API server is, is read by `shared::kubernetes::Access`. Without one, and with `policy.type`
//! "k8s", a record carries the profile `kns.<namespace>` and the two standing labels only.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use shared::cni::config::NetConf;
use shared::cni::error::{CniError, Code};
use shared::cni::timeouts::Timeouts;
use shared::kubernetes::Access;
use shared::log::LogConfig;

use crate::gates::Gate;
use crate::remote::Remote;

mod labels;

pub(crate) use labels::Labels;

/// `policy.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// "": a profile named after the network is created.
    Network,
    /// "k8s": the namespace's profile and, where the API server is known, what it says of the pod.
    Kubernetes,
    /// Any other word: the network's profile is named but not created.
    Other,
}

/// What decides the node's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeNames {
    pub(crate) nodename: Option<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) file_optional: bool,
    pub(crate) hostname: Option<String>,
}

/// The configuration of one call.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) network: String,
    pub(crate) ipam: String,
    pub(crate) policy: Policy,
    pub(crate) node: NodeNames,
    pub(crate) mtu: Option<u32>,
    pub(crate) mtu_file: Option<PathBuf>,
    pub(crate) require_mtu_file: bool,
    pub(crate) queues: u32,
    pub(crate) gates: Vec<Gate>,
    pub(crate) policy_wait: Option<Duration>,
    pub(crate) endpoint_status_dir: PathBuf,
    pub(crate) allow_ip_forwarding: bool,
    pub(crate) manage_forwarding: bool,
    pub(crate) manage_rp_filter: bool,
    /// DEL ends only when the kernel is done with the interface.
    pub(crate) await_link_removal: bool,
    /// Our own IPAM plugin is started as a program, as any other is.
    pub(crate) exec_ipam: bool,
    pub(crate) labels: Labels,
    /// Who makes the pod's interface instead of this plugin.
    pub(crate) remote: Option<Remote>,
    /// Where the API server is; only what ADD needs to know.
    pub(crate) kubernetes: Option<Access>,
    pub(crate) addresses_without_ipam: bool,
    pub(crate) floating_ips: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) log: LogConfig,
    pub(crate) sidecar_required: bool,
    pub(crate) test_faults: bool,
}

impl Config {
    /// Reads and checks every field.
    pub(crate) fn new(conf: &NetConf) -> Result<Self, CniError> {
        check_device(conf)?;
        let yes = |path: &str, default: bool| Ok::<_, CniError>(conf.field::<bool>(path)?.unwrap_or(default));
        let mut config = Self {
            mtu: positive(conf, "mtu")?,
            mtu_file: conf.path("mtu_file")?,
            require_mtu_file: yes("require_mtu_file", false)?,
            queues: conf
                .field::<i64>("num_queues")?
                .and_then(|many| u32::try_from(many).ok())
                .unwrap_or(0)
                .max(1),
            gates: gates(conf)?,
            policy_wait: policy_wait(conf)?,
            allow_ip_forwarding: yes("container_settings.allow_ip_forwarding", false)?,
            manage_forwarding: yes("manage_forwarding", true)?,
            manage_rp_filter: yes("manage_rp_filter", true)?,
            remote: Remote::of(conf)?,
            kubernetes: Access::of(conf)?,
            addresses_without_ipam: yes("feature_control.ip_addrs_no_ipam", false)?,
            floating_ips: yes("feature_control.floating_ips", false)?,
            sidecar_required: yes("sidecar_required", false)?,
            test_faults: yes("test_faults", false)?,
            ..Self::of_removal(conf)?
        };
        if let Some(directory) = conf.path("endpoint_status_dir")? {
            config.endpoint_status_dir = directory;
        }
        Ok(config)
    }

    /// Reads and checks what DEL and GC need; the rest is as if it was not there.
    pub(crate) fn of_removal(conf: &NetConf) -> Result<Self, CniError> {
        Ok(Self {
            network: conf.name.clone(),
            ipam: conf.text("ipam.type")?.ok_or_else(no_ipam)?,
            policy: policy(conf)?,
            node: node_names(conf)?,
            mtu: None,
            mtu_file: None,
            require_mtu_file: false,
            queues: 1,
            gates: Vec::new(),
            policy_wait: None,
            endpoint_status_dir: PathBuf::from("/var/run/calico/endpoint-status"),
            allow_ip_forwarding: false,
            manage_forwarding: true,
            manage_rp_filter: true,
            await_link_removal: conf.field("await_link_removal")?.unwrap_or(false),
            exec_ipam: conf.field("exec_ipam")?.unwrap_or(false),
            labels: labels::of(conf)?,
            // What cannot be called has made nothing.
            remote: Remote::of(conf).unwrap_or_default(),
            kubernetes: None,
            addresses_without_ipam: false,
            floating_ips: false,
            timeouts: Timeouts::of(conf)?,
            log: LogConfig::of(conf)?,
            sidecar_required: false,
            test_faults: false,
        })
    }

    /// Whether what Calico keys on `ipam.type` "calico-ipam" holds.
    pub(crate) fn uses_calico_ipam(&self) -> bool {
        matches!(self.ipam.as_str(), "calico-ipam" | "cni-ipam")
    }
}

fn invalid(text: String) -> CniError {
    CniError::new(Code::InvalidConfig, text)
}

fn no_ipam() -> CniError {
    invalid(
        "ipam.type is missing: name the IPAM plugin, for example \"ipam\": {\"type\": \"cni-ipam\"}"
            .to_owned(),
    )
}

/// Netkit is wanted where the kernel has it; a veth carries the pod all the same, as Calico falls back.
fn check_device(conf: &NetConf) -> Result<(), CniError> {
    match conf.text("device_type")?.as_deref() {
        None | Some("veth" | "netkit") => Ok(()),
        Some(other) => Err(invalid(format!("device_type {other:?}: \"veth\" or \"netkit\""))),
    }
}

fn policy(conf: &NetConf) -> Result<Policy, CniError> {
    Ok(match conf.text("policy.type")?.as_deref() {
        None => Policy::Network,
        Some("k8s") => Policy::Kubernetes,
        Some(_) => Policy::Other,
    })
}

fn node_names(conf: &NetConf) -> Result<NodeNames, CniError> {
    Ok(NodeNames {
        nodename: conf.text("nodename")?,
        file: conf.path("nodename_file")?,
        file_optional: conf.field("nodename_file_optional")?.unwrap_or(false),
        hostname: conf.text("hostname")?,
    })
}

fn positive(conf: &NetConf, path: &str) -> Result<Option<u32>, CniError> {
    match conf.field::<i64>(path)? {
        None | Some(0) => Ok(None),
        Some(value) => u32::try_from(value).map(Some).map_err(|_| {
            invalid(format!(
                "{path} {value}: a number of bytes from 68 to 4294967295, or 0"
            ))
        }),
    }
}

fn gates(conf: &NetConf) -> Result<Vec<Gate>, CniError> {
    let urls = conf.field::<Vec<String>>("readiness_gates")?.unwrap_or_default();
    urls.iter()
        .map(|url| Gate::parse(url).map_err(|why| invalid(format!("readiness_gates {url:?}: {why}"))))
        .collect()
}

fn policy_wait(conf: &NetConf) -> Result<Option<Duration>, CniError> {
    let path = "policy_setup_timeout_seconds";
    match conf.field::<i64>(path)? {
        None | Some(0) => Ok(None),
        Some(seconds) => u64::try_from(seconds)
            .map(|seconds| Some(Duration::from_secs(seconds)))
            .map_err(|_| invalid(format!("{path} {seconds} is negative"))),
    }
}

/// A value found by object keys, for keys that contain dots.
fn at<'a>(conf: &'a NetConf, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter()
        .try_fold(conf.raw().get(*first)?, |value, key| value.get(key))
}

#[cfg(test)]
mod tests;
