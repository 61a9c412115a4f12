//! The names Calico derives from an attachment: orchestrator, host interface, endpoint record, profiles.
//! Pure. (The handle `<network>.<container>` is the IPAM plugin's.)

use sha1::{Digest, Sha1};
use shared::cni::error::{CniError, Code};
use shared::cni::request::Args;
use shared::model::workloadendpoint::{self, NameError};

/// Calico's prefix of host interfaces.
pub(crate) const PREFIX: &str = "cali";
/// Longest name the kernel takes (IFNAMSIZ less the NUL).
const INTERFACE_MAX: usize = 15;

/// Whom the interface belongs to: a Kubernetes pod, or a container nobody has named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    /// `K8S_POD_NAMESPACE` and `K8S_POD_NAME`, both non-empty.
    Pod { namespace: String, name: String },
    /// Everything else: orchestrator "cni".
    Container { namespace: String, id: String },
}

impl Workload {
    /// Decides by CNI_ARGS. `test_namespace` is the variable CNI_TEST_NAMESPACE, which Calico reads.
    pub(crate) fn new(args: &Args, container_id: &str, test_namespace: Option<&str>) -> Self {
        let given = |key: &str| args.get(key).filter(|value| !value.is_empty());
        match (given("K8S_POD_NAMESPACE"), given("K8S_POD_NAME")) {
            (Some(namespace), Some(name)) => Workload::Pod {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
            (Some(_) | None, _) => Workload::Container {
                namespace: test_namespace
                    .filter(|text| !text.is_empty())
                    .unwrap_or("default")
                    .to_owned(),
                id: container_id.to_owned(),
            },
        }
    }

    /// "k8s" or "cni", as in records.
    pub(crate) fn orchestrator(&self) -> &'static str {
        match self {
            Workload::Pod { .. } => "k8s",
            Workload::Container { .. } => "cni",
        }
    }

    /// Where the record lives.
    pub(crate) fn namespace(&self) -> &str {
        match self {
            Workload::Pod { namespace, .. } | Workload::Container { namespace, .. } => namespace,
        }
    }

    /// Pod name or container ID: the third part of the record's name.
    pub(crate) fn id(&self) -> &str {
        match self {
            Workload::Pod { name, .. } => name,
            Workload::Container { id, .. } => id,
        }
    }

    /// Whether Kubernetes' rules hold.
    pub(crate) fn is_pod(&self) -> bool {
        matches!(self, Workload::Pod { .. })
    }

    /// The host end's name. `prefixes` is FELIX_INTERFACEPREFIX, a comma list whose first entry counts, and
    /// only for pods (Calico's rule).
    pub(crate) fn host_interface(&self, prefixes: Option<&str>) -> Result<String, CniError> {
        let name = match self {
            Workload::Pod { namespace, name } => {
                let prefix = prefixes.and_then(|list| list.split(',').next()).map(str::trim);
                let prefix = prefix.filter(|first| !first.is_empty()).unwrap_or(PREFIX);
                format!("{prefix}{}", hash11(&format!("{namespace}.{name}")))
            }
            Workload::Container { id, .. } => {
                format!("{PREFIX}{}", id.chars().take(11).collect::<String>())
            }
        };
        if name.len() > INTERFACE_MAX || name.contains('/') {
            return Err(CniError::new(
                Code::InvalidEnvironment,
                format!(
                    "host interface name {name:?} has more than {INTERFACE_MAX} bytes: \
                     use a FELIX_INTERFACEPREFIX of at most 4 bytes"
                ),
            ));
        }
        Ok(name)
    }

    /// The record's name; every `-` inside a part is doubled.
    pub(crate) fn record(&self, node: &str, endpoint: &str) -> Result<String, CniError> {
        workloadendpoint::name(node, self.orchestrator(), self.id(), endpoint).map_err(unusable)
    }

    /// What the names of all records of this workload on this node begin with.
    pub(crate) fn record_prefix(&self, node: &str) -> Result<String, CniError> {
        workloadendpoint::prefix(node, self.orchestrator(), self.id()).map_err(unusable)
    }

    /// Whether a record's name is one of this workload's, whatever its endpoint.
    pub(crate) fn owns(&self, node: &str, record: &str) -> bool {
        let parts = workloadendpoint::parts(record);
        matches!(parts.as_slice(), [first, orchestrator, id, _]
            if first == node && orchestrator == self.orchestrator() && id == self.id())
    }
}

/// The first 11 hex digits of SHA-1.
fn hash11(text: &str) -> String {
    let digest = Sha1::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.chars().take(11).collect()
}

fn unusable(error: NameError) -> CniError {
    CniError::new(Code::InvalidEnvironment, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(namespace: &str, name: &str) -> Workload {
        Workload::Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn container(id: &str) -> Workload {
        Workload::Container {
            namespace: "default".to_owned(),
            id: id.to_owned(),
        }
    }

    #[test]
    fn a_pods_host_interface_is_calicos_hash() {
        for (namespace, name, wanted) in [
            ("default", "nginx", "calic440f455693"),
            ("kube-system", "coredns-668d6bf9bc-bxhr6", "cali31d9284891c"),
            ("test", "run1234", "calid427c561ec3"),
            ("default", "myweb-s86sk", "cali439924adc43"),
        ] {
            assert_eq!(pod(namespace, name).host_interface(None).unwrap(), wanted);
        }
    }

    #[test]
    fn only_the_first_prefix_counts_and_only_for_pods() {
        assert_eq!(
            pod("default", "nginx").host_interface(Some("tap,cali")).unwrap(),
            "tapc440f455693"
        );
        assert_eq!(
            pod("default", "nginx").host_interface(Some("")).unwrap(),
            "calic440f455693"
        );
        assert_eq!(
            container("abcdef0123456789").host_interface(Some("tap")).unwrap(),
            "caliabcdef01234"
        );
        assert_eq!(container("abc").host_interface(None).unwrap(), "caliabc");
        let refused = pod("default", "nginx")
            .host_interface(Some("toolong"))
            .unwrap_err();
        assert!(refused.msg.contains("FELIX_INTERFACEPREFIX"), "{}", refused.msg);
    }

    #[test]
    fn a_records_name_doubles_the_dashes_of_its_parts() {
        assert_eq!(
            pod("default", "pod-name").record("node-1", "eth0").unwrap(),
            "node--1-k8s-pod--name-eth0"
        );
        assert_eq!(
            container("abcdefa0123456").record("node-1", "eth0").unwrap(),
            "node--1-cni-abcdefa0123456-eth0"
        );
        assert_eq!(
            pod("default", "pod-name").record_prefix("node-1").unwrap(),
            "node--1-k8s-pod--name-"
        );
    }

    #[test]
    fn a_name_calico_would_refuse_is_refused_before_anything_happens() {
        for workload in [container("ABC"), container("a_b"), container("abc-")] {
            assert!(workload.record("node", "eth0").is_err(), "{workload:?}");
        }
        assert!(
            container(&"a".repeat(240))
                .record("node-with-a-name", "eth0")
                .is_err()
        );
    }

    #[test]
    fn a_record_is_recognised_by_its_parts_not_by_its_beginning() {
        let mine = pod("default", "web");
        assert!(mine.owns("n-1", "n--1-k8s-web-eth0"));
        assert!(mine.owns("n-1", "n--1-k8s-web-net1"));
        assert!(!mine.owns("n-1", "n--1-k8s-web--2-eth0"), "pod web-2");
        assert!(!mine.owns("n-1", "n--1-cni-web-eth0"));
        assert!(!mine.owns("n-1", "n--1-k8s-web"));
    }

    #[test]
    fn half_a_pod_is_a_container() {
        let args = |text: &str| Args::parse(text).unwrap();
        let whole = args("IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web");
        assert_eq!(Workload::new(&whole, "c1", None), pod("ns", "web"));
        let half = args("K8S_POD_NAMESPACE=ns;K8S_POD_NAME=");
        assert_eq!(Workload::new(&half, "c1", None), container("c1"));
        let elsewhere = Workload::new(&args(""), "c1", Some("fv"));
        assert_eq!(elsewhere.namespace(), "fv");
    }
}
