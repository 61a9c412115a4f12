//! What Kubernetes says of a pod, its namespace and its node, read from the API server. Edge: it dials.
//!
//! ```text
//! netconf ── Access ──> kubeconfig, what overrules it ── connect ──> GET namespace ─┐ side by side,
//!                                                                    GET pod ───────┤ one round trip each
//!                                                                    GET node ──────┘
//! ```
//!
//! A node can be followed instead ([`Followed`]): one list, one watch.
//!
//! Only the fields that something is decided by are parsed. The certificate authority is the kubeconfig's: the
//! system's certificates are read (some milliseconds) only for an `https` server of a kubeconfig that names none, as
//! kubectl does. Nothing is asked twice: a runtime does that, after its own pause.
//!
//! *Not implemented, and refused by name*: users of a kubeconfig that run a program (`exec`, `auth-provider`), and
//! `proxy-url`. `HTTPS_PROXY` and its like are not looked at: the API server is the cluster's own.

use std::time::Duration;

mod access;
mod client;
mod connect;
mod dial;
mod error;
mod kubeconfig;
mod list;
mod object;
mod tls;
mod token;
mod watch;

pub use access::{Access, Asker};
pub use error::KubernetesError;
pub use list::Seen;
pub use object::{
    Container, ContainerPort, Metadata, Namespace, Node, NodeAddress, NodeSpec, NodeStatus, Pod, PodSpec,
};
pub use token::Token;
pub use watch::Followed;

/// What to ask for; nothing that is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Question<'a> {
    /// A namespace.
    pub namespace: Option<&'a str>,
    /// A pod, by namespace and name.
    pub pod: Option<(&'a str, &'a str)>,
    /// A node.
    pub node: Option<&'a str>,
}

/// What the API server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The namespace.
    pub namespace: Option<Namespace>,
    /// The pod.
    pub pod: Option<Pod>,
    /// The node.
    pub node: Option<Node>,
}

/// Asks for everything at once. All of it must be answered within `patience`.
///
/// Call it inside a tokio runtime with I/O and time.
///
/// # Errors
/// What cannot be used, was refused, does not exist, was not understood or did not answer, see [`KubernetesError`].
pub async fn read(
    access: &Access,
    question: Question<'_>,
    patience: Duration,
) -> Result<Facts, KubernetesError> {
    let server = connect::server(access).await?;
    let asked = tokio::time::timeout(patience, client::facts(&server, question));
    asked.await.unwrap_or_else(|_| Err(late(&server, patience)))
}

fn late(server: &connect::Server, patience: Duration) -> KubernetesError {
    KubernetesError::Away(format!(
        "the API server {} has not answered within {} ms: see whether it is up and reachable from this node; {}",
        server.url,
        patience.as_millis(),
        server.asker.again()
    ))
}

/// Every pod of the cluster, for whom its user must be allowed to list them. All of it must be answered within
/// `patience`.
///
/// # Errors
/// As [`read`].
pub async fn pods(access: &Access, patience: Duration) -> Result<Vec<Seen>, KubernetesError> {
    let server = connect::server(access).await?;
    let asked = tokio::time::timeout(patience, list::pods(&server));
    asked.await.unwrap_or_else(|_| Err(late(&server, patience)))
}

/// A token for the ServiceAccount of this namespace and name, to be valid for so many seconds. It must be there within
/// `patience`.
///
/// # Errors
/// As [`read`].
pub async fn token(
    access: &Access,
    account: (&str, &str),
    seconds: u64,
    patience: Duration,
) -> Result<Token, KubernetesError> {
    let server = connect::server(access).await?;
    let asked = tokio::time::timeout(patience, token::issue(&server, account, seconds));
    asked.await.unwrap_or_else(|_| Err(late(&server, patience)))
}

/// Whether the kubeconfig and the files it names can be used; dials nobody. Call it inside a tokio runtime.
///
/// # Errors
/// [`KubernetesError::Config`].
pub async fn usable(access: &Access) -> Result<(), KubernetesError> {
    connect::server(access).await.map(|_| ())
}
