//! How the API server is reached.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use super::gather::Given;
use super::parse;

/// Who this daemon is to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kubernetes {
    /// `kubeconfig`
    Kubeconfig(PathBuf),
    /// The pod's own ServiceAccount.
    Account {
        /// `service_account_dir`: `token` and `ca.crt` are in it, and renewed there.
        folder: PathBuf,
        /// The URL that the pod's environment gives.
        server: String,
    },
}

/// As Kubernetes' own clients choose: a kubeconfig, else, in a pod, the pod's account.
pub(super) fn of(given: &mut Given) -> Option<Kubernetes> {
    let folder = given.value("service_account_dir", folder);
    let port = given.value("kubernetes_service_port", |text| parse::port(text).map(Some));
    if let Some(path) = given.maybe("kubeconfig", parse::path) {
        return Some(Kubernetes::Kubeconfig(path));
    }
    let host = given.text("kubernetes_service_host")?;
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host,
    };
    Some(Kubernetes::Account {
        folder: folder?,
        server: format!("https://{host}:{}", port?),
    })
}

fn folder(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "none" => Ok(None),
        text => parse::path(text)
            .map(Some)
            .map_err(|problem| format!("{problem}, nor none")),
    }
}
