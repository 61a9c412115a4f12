//! What outsiders send, read as a call reads it and no further: nothing is opened, asked or touched.

use shared::cni::{Attachment, CniError, Env, NetConf};
use shared::kubernetes::{self, Namespace, Node, Pod};

use crate::config::Config;
use crate::facts::Facts;
use crate::{command, hostlocal, record};

/// What ADD and DEL read of environment, CNI_ARGS and stdin.
///
/// # Errors
/// What the call would be refused for.
pub fn call(env: &Env, conf: &NetConf, attachment: &Attachment) -> Result<(), CniError> {
    let config = Config::of_removal(conf)?;
    let (workload, _) = command::names(&config, env, attachment)?;
    hostlocal::stdin(conf, "node", None)?;
    let config = Config::new(conf)?;
    record::reads(&workload, "node", Some(&config.network))?;
    hostlocal::routes(conf)?;
    command::mac(conf).map(|_| ())
}

/// What a pod is given for what Kubernetes says of it: JSON of the API server.
///
/// # Errors
/// An annotation that cannot be used.
pub fn pod(conf: &NetConf, (namespace, pod, node): (&[u8], &[u8], &[u8])) -> Result<(), CniError> {
    let answer = kubernetes::Facts {
        namespace: serde_json::from_slice::<Namespace>(namespace).ok(),
        pod: serde_json::from_slice::<Pod>(pod).ok(),
        node: serde_json::from_slice::<Node>(node).ok(),
    };
    let config = Config::new(conf)?;
    let facts = Facts::of(&answer, &config)?;
    let cidrs = facts.pod_cidrs.as_deref();
    let stdin = facts.stdin(&config, hostlocal::stdin(conf, "node", cidrs)?);
    NetConf::parse(&stdin).map(|_| ())
}
