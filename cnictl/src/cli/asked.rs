//! Commands about which somebody else is asked, too: the API server, another node's sidecar.

use std::path::PathBuf;

use shared::store::Datastore;

use crate::commands::node_remote::{self, Heard};
use crate::commands::{Birth, Outcome, decommission, ipam_explain};
use crate::{kubernetes, sidecar};

/// `ipam explain`, with what the API server says, if it is to be asked.
pub(super) async fn explained<S: Datastore>(
    store: &S,
    mut pod: ipam_explain::Pod,
    kubeconfig: Option<PathBuf>,
    birth: Birth,
) -> Outcome {
    let missing = match &kubeconfig {
        Some(file) => kubernetes::complete(&mut pod, file).await,
        None => Ok(None),
    };
    match missing.and_then(|missing| Ok((missing, pod.request()?))) {
        Ok((missing, request)) => {
            let mut outcome = ipam_explain::run(store, &request, birth.now).await;
            outcome.warnings.splice(0..0, missing);
            outcome
        }
        Err(error) => Outcome::failed(error),
    }
}

/// `node decommission`, with what the API server says, if it is to be asked.
pub(super) async fn retire<S: Datastore>(
    store: &S,
    mut request: decommission::Request,
    kubeconfig: Option<PathBuf>,
    birth: Birth,
) -> Outcome {
    if let Some(file) = kubeconfig {
        let name = decommission::name_in_kubernetes(store, &request.node).await;
        let gone = match name {
            Ok(name) => kubernetes::is_gone(&name, &file).await,
            Err(error) => Err(error),
        };
        match gone {
            Ok(gone) => request.gone = Some(gone),
            Err(error) => return Outcome::failed(error),
        }
    }
    decommission::run(store, &request, birth.now).await
}

/// `node status --node`, with what the node's metrics say, if they can be reached.
pub(super) async fn remote<S: Datastore>(
    store: &S,
    request: &node_remote::Request,
    now: jiff::Timestamp,
) -> Outcome {
    let snapshot = match node_remote::read(store, &request.node).await {
        Ok(snapshot) => snapshot,
        Err(error) => return Outcome::failed(error),
    };
    let heard = match node_remote::address(&snapshot, request) {
        None => Heard::Nobody,
        Some(address) => {
            let (ready, metrics) = tokio::join!(
                sidecar::remote(address, "/readyz"),
                sidecar::remote(address, "/metrics")
            );
            match (ready, metrics) {
                (Ok((status, reasons)), Ok((200, metrics))) => Heard::Sidecar {
                    address,
                    ready: status == 200,
                    reasons,
                    metrics,
                },
                (Err(error), _) | (_, Err(error)) => Heard::Failed(error),
                (Ok(_), Ok((status, _))) => Heard::Failed(format!("{address} answers {status} for /metrics")),
            }
        }
    };
    node_remote::show(&snapshot, request, &heard, now)
}
