//! This node as the API server knows it.

use std::net::IpAddr;
use std::time::Duration;

use shared::kubernetes::{Access, Asker, Question, read};

use crate::settings::{Kubernetes, Settings};

/// How the API server is reached, where one is to be asked.
pub(super) fn access(settings: &Settings) -> Option<Access> {
    let whose = match settings.kubernetes.as_ref()? {
        Kubernetes::Kubeconfig(path) => Access {
            kubeconfig: Some(path.clone()),
            ..Access::default()
        },
        Kubernetes::Account { folder, server } => Access {
            server: Some(server.clone()),
            certificate_authority: Some(folder.join("ca.crt")),
            token_file: Some(folder.join("token")),
            ..Access::default()
        },
    };
    Some(Access {
        asker: Asker::Sidecar,
        ..whose
    })
}

/// This node's name there.
pub(super) fn name<'a>(settings: &'a Settings, node: &'a str) -> &'a str {
    settings.kubernetes_node.as_deref().unwrap_or(node)
}

/// Its addresses of type InternalIP; at least one.
pub(super) async fn addresses(
    settings: &Settings,
    node: &str,
    patience: Duration,
) -> Result<Vec<IpAddr>, String> {
    let access = access(settings).ok_or("kubeconfig is not set")?;
    let name = name(settings, node);
    let question = Question {
        node: Some(name),
        ..Question::default()
    };
    let facts = read(&access, question, patience)
        .await
        .map_err(|error| error.to_string())?;
    let addresses = facts
        .node
        .map(|node| node.internal_addresses())
        .unwrap_or_default();
    match addresses.is_empty() {
        true => Err(format!("Node {name} of Kubernetes has no InternalIP")),
        false => Ok(addresses),
    }
}
