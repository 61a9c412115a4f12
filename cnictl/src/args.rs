//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

pub mod bgp;
pub mod check;
pub mod doctor;
pub mod etcd;
pub mod install;
pub mod ipam;
pub mod node;
pub mod resource;

/// Name, version and commit.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("MANX_COMMIT"), ")");

/// Shows, writes and explains Calico's resources, and shows who has which address.
#[derive(Debug, Parser)]
#[command(name = "cnictl", version = VERSION, propagate_version = true)]
pub struct Cli {
    /// Which datastore.
    #[command(flatten)]
    pub datastore: Datastore,
    /// Colours: NO_COLOR and a terminal decide, unless told
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub color: Colour,
    /// calicoctl's: there is no version to match
    #[arg(long, global = true, hide = true)]
    pub allow_version_mismatch: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which datastore: these flags, else MANX_…, CALICO_… and ETCD_… variables, else the file of --config, else what the
/// node's conflist says, else the embedded store of this node if there is one.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Datastore (or the variables MANX_…, CALICO_…, ETCD_…)")]
pub struct Datastore {
    /// Settings in YAML, calicoctl's too [default: /etc/cni/manx/cnictl.yaml]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<String>,
    /// Where this node's conflist is [default: /etc/cni/net.d]
    #[arg(long, global = true, value_name = "DIR")]
    pub cni_conf_dir: Option<String>,
    /// etcdv3 or embedded
    #[arg(long, global = true, value_name = "TYPE")]
    pub datastore_type: Option<String>,
    /// Comma-separated, for example https://10.0.0.1:2379
    #[arg(long, global = true, value_name = "URLS")]
    pub etcd_endpoints: Option<String>,
    /// The client's private key (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub etcd_key_file: Option<String>,
    /// The client's certificate (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub etcd_cert_file: Option<String>,
    /// The authority of the servers' certificates (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub etcd_ca_cert_file: Option<String>,
    /// Where this node keeps what survives a boot [default: /var/lib/cni/manx]
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<String>,
    /// Where this node keeps what does not [default: /run/manx]
    #[arg(long, global = true, value_name = "DIR")]
    pub run_dir: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show resources
    Get(resource::Get),
    /// Tell everything about resources: what they say, who uses them, what is odd
    Describe(resource::Describe),
    /// Create resources, or put them in the place of what is stored
    Apply(resource::Put),
    /// Create resources; one that exists is an error
    Create(resource::Create),
    /// Put resources in the place of what is stored; one that does not exist is an error
    Replace(resource::Put),
    /// Delete resources; what is in use is refused
    Delete(resource::Delete),
    /// Change a part of a resource
    Patch(resource::Patch),
    /// Set labels on a resource, or take them off
    Label(resource::Label),
    /// Look at resources in files without a datastore
    Validate(resource::Validate),
    /// Look into address management, and change it
    Ipam {
        /// What to do.
        #[command(subcommand)]
        command: ipam::Ipam,
    },
    /// Look at a node and its BGP, or take a node out of the cluster
    Node {
        /// What to do.
        #[command(subcommand)]
        command: node::Node,
    },
    /// Look at the routes that BGP exchanges
    Bgp {
        /// What to do.
        #[command(subcommand)]
        command: bgp::Bgp,
    },
    /// Give etcd's users no more rights than they need
    Etcd {
        /// What to do.
        #[command(subcommand)]
        command: etcd::Etcd,
    },
    /// Put plugins, conflist and what they need where the runtime finds them; the conflist last
    Install(Box<install::Install>),
    /// Install over an existing installation, which need not be described again
    Upgrade(Box<install::Install>),
    /// Take away what was installed
    Uninstall(install::Uninstall),
    /// Look whether this host is as it should be; exit code 1 for warnings, 2 for errors
    Doctor(Box<doctor::Doctor>),
    /// Print the completion script of a shell
    Completion {
        /// For this shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Show this program's version, the cluster's identity and its data's generation; refuses none
    Version(Version),
}

/// `version`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Version {
    /// This program's alone: no datastore is asked
    #[arg(long)]
    pub client: bool,
}

#[cfg(test)]
mod tests;
