//! The command line of `etcd`.

use clap::{Args, Subcommand};

/// `etcd`.
#[derive(Debug, Subcommand)]
pub enum Etcd {
    /// Print the roles that etcd's users need: the plugins, the sidecar, people who change things, people who look
    Roles(Roles),
}

/// `etcd roles`.
#[derive(Args, Clone, Debug)]
pub struct Roles {
    /// With the roles of this node alone; may be given again
    #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
    pub nodes: Vec<String>,
    /// With the roles of every node, for nodes that share one certificate: each may then write the others' Nodes
    #[arg(long)]
    pub any_node: bool,
    /// Make them, or make them what they should be; only etcd's root may
    #[arg(long)]
    pub apply: bool,
}
