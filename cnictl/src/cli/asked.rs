//! Commands about which the API server may be asked first.

use std::path::PathBuf;

use shared::store::Datastore;

use crate::commands::{Birth, Outcome, decommission, ipam_explain};
use crate::kubernetes;

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
