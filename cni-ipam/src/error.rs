//! Every failure of this plugin as the CNI error a runtime sees; one place, one match each.

use shared::cni::Attachment;
use shared::cni::NetConf;
use shared::cni::{CniError, Code};
use shared::ipam::IpamError;
use shared::model::Stored as _;
use shared::model::clusterinformation::ClusterInformation;
use shared::state::StateError;
use shared::store::config::ConfigError;
use shared::store::{StoreError, TransactError};
use shared::txn::Snapshot;

pub(crate) fn config(error: ConfigError) -> CniError {
    CniError::new(Code::from_number(error.code()), error.to_string())
}

pub(crate) fn store(error: StoreError) -> CniError {
    let code = match error {
        StoreError::Unreachable(_) | StoreError::Ambiguous(_) | StoreError::Deadline { .. } => {
            Code::TryAgainLater
        }
        StoreError::Refused(_) => Code::DatastoreRefused,
        StoreError::Config(_) => Code::DatastoreConfig,
    };
    CniError::new(code, error.to_string())
}

pub(crate) fn transact(error: TransactError<CniError>) -> CniError {
    match error {
        TransactError::Store(error) => store(error),
        TransactError::Decide(error) => error,
    }
}

pub(crate) fn ipam(error: &IpamError) -> CniError {
    CniError::new(Code::from_number(error.code()), error.to_string())
}

pub(crate) fn state(error: &StateError) -> CniError {
    CniError::new(Code::StateDir, error.to_string())
}

/// What every log line of a call carries.
pub(crate) fn fields(
    verb: &'static str,
    conf: &NetConf,
    about: Option<&Attachment>,
) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("plugin", "cni-ipam".to_owned()),
        ("command", verb.to_owned()),
        ("network", conf.name.clone()),
    ];
    if let Some(attachment) = about {
        fields.push(("container", attachment.container_id.clone()));
        fields.push(("ifname", attachment.ifname.clone()));
        if let (Some(namespace), Some(pod)) = (
            attachment.args.get("K8S_POD_NAMESPACE"),
            attachment.args.get("K8S_POD_NAME"),
        ) {
            fields.push(("pod", format!("{namespace}/{pod}")));
        }
    }
    fields
}

/// The cluster a snapshot shows: `spec.clusterGUID`.
pub(crate) fn cluster(snapshot: &Snapshot) -> Option<String> {
    let entry = snapshot.get(&ClusterInformation::only_key())?;
    ClusterInformation::from_bytes(&entry.value)
        .ok()?
        .spec
        .cluster_guid
}
