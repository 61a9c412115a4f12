//! The command line of `node`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::bgp::Asking;
use super::resource::Dry;

/// `node`.
#[derive(Debug, Subcommand)]
pub enum Node {
    /// Take away everything a dead node left: addresses, blocks, endpoints, BGP resources, the Node
    Decommission(Decommission),
    /// Show this node's BGP peers, as calicoctl does: the sidecar on this machine is asked. With --node: what the datastore
    /// knows of another node, and what its metrics say, where they can be reached
    Status(Status),
}

/// `node status`.
#[derive(Args, Clone, Debug)]
pub struct Status {
    /// Of this node, from the datastore
    #[arg(long, value_name = "NAME", conflicts_with = "socket")]
    pub node: Option<String>,
    /// Where that node's metrics are [default: what its sidecar says]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "node")]
    pub metrics: Option<SocketAddr>,
    /// Whom to ask, and how to show it.
    #[command(flatten)]
    pub asking: Asking,
}

/// `node decommission`.
#[derive(Args, Debug)]
pub struct Decommission {
    /// Its name
    #[arg(value_name = "NODE")]
    pub node: String,
    /// Only show what would go
    #[arg(long, conflicts_with = "dry_run")]
    pub plan: bool,
    /// The machine is off for good: the word that its pods' addresses are freed on, beside its sidecar's silence
    #[arg(long, visible_alias = "yes")]
    pub dead: bool,
    /// Let the API server say so: that it has no such node any more
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Even though this is the very node
    #[arg(long)]
    pub this_node: bool,
    /// No node of this cluster runs a sidecar: its silence is no witness, and the operator has looked
    #[arg(long)]
    pub no_sidecars: bool,
    /// Says which node this machine is [default: /var/lib/calico/nodename]
    #[arg(long, value_name = "FILE")]
    pub nodename_file: Option<PathBuf>,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}
