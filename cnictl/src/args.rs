//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub mod bgp;
pub mod check;
pub mod install;
pub mod ipam;
pub mod node;

/// Name, version and commit.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("MANX_COMMIT"), ")");

/// Applies, shows and deletes Calico's resources, and shows who has which address.
#[derive(Debug, Parser)]
#[command(name = "cnictl", version = VERSION, propagate_version = true)]
pub struct Cli {
    /// Which datastore.
    #[command(flatten)]
    pub datastore: Datastore,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Which datastore: these flags, else MANX_…, CALICO_… and ETCD_… variables, else the embedded store of this node.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Datastore (or the variables MANX_…, CALICO_…, ETCD_…)")]
pub struct Datastore {
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
    /// Create or replace resources
    Apply {
        /// YAML or JSON: a file, a directory of files, or - for stdin; repeatable
        #[arg(short, long = "filename", value_name = "PATH", required = true)]
        filename: Vec<PathBuf>,
    },
    /// Show resources
    Get(Get),
    /// Delete resources; what is in use is refused
    Delete(Delete),
    /// Look into address management, and change it
    Ipam {
        /// What to do.
        #[command(subcommand)]
        command: Ipam,
    },
    /// Look at this node's BGP, or take a node out of the cluster
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
    /// Put plugins, conflist and what they need where the runtime finds them; the conflist last
    Install(Box<install::Install>),
    /// Install over an existing installation, which need not be described again
    Upgrade(Box<install::Install>),
    /// Take away what was installed
    Uninstall(install::Uninstall),
    /// Show name, version and commit
    Version,
}

/// `get`.
#[derive(Args, Debug)]
pub struct Get {
    /// For example ippool, node, workloadendpoint, ipamconfiguration; KIND/NAME works too
    pub kind: String,
    /// These only
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Format,
    /// Of this namespace [default: default]
    #[arg(short, long, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// Of every namespace
    #[arg(short = 'A', long, short_alias = 'a')]
    pub all_namespaces: bool,
}

/// `delete`.
#[derive(Args, Debug)]
pub struct Delete {
    /// For example ippool; KIND/NAME works too
    #[arg(required_unless_present = "filename", conflicts_with = "filename")]
    pub kind: Option<String>,
    /// Which
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Everything named in these files; a directory or - for stdin, as apply takes them
    #[arg(short, long = "filename", value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// What does not exist is no error
    #[arg(short, long)]
    pub skip_not_exists: bool,
}

/// `ipam`.
#[derive(Debug, Subcommand)]
pub enum Ipam {
    /// How full pools are
    Show(Show),
    /// Change what the allocator goes by
    Configure(ipam::Configure),
    /// Cut a pool into smaller ones
    Split(ipam::Split),
    /// Find what contradicts what, and put it right
    Check(check::Check),
    /// Release addresses and handles
    Release(check::Release),
    /// Which pools a pod would get its addresses from, and why not from the others
    Explain(ipam::Explain),
    /// How many more pods each node can start
    Headroom(ipam::Headroom),
}

/// `ipam show`.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub struct Show {
    /// Blocks too
    #[arg(long)]
    pub show_blocks: bool,
    /// Addresses taken out of another host's block
    #[arg(long)]
    pub show_borrowed: bool,
    /// What the allocator goes by, and why
    #[arg(long)]
    pub show_configuration: bool,
    /// Who holds this address
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<IpAddr>,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns
    #[value(alias = "ps")]
    Table,
    /// More columns
    Wide,
    /// As stored
    Yaml,
    /// As stored
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn calicoctls_spellings_are_understood() {
        for line in [
            "cnictl get wep -a -o wide",
            "cnictl get ippool -o ps",
            "cnictl apply -f -",
            "cnictl delete ippool a b",
            "cnictl delete -f pools.yaml --state-dir /tmp/x",
            "cnictl --etcd-endpoints http://127.0.0.1:2379 ipam show --show-blocks",
            "cnictl ipam show --ip=10.0.0.1",
            "cnictl ipam configure --strictaffinity=true --max-blocks-per-host=20",
            "cnictl ipam configure --kubevirt-ip-persistence=Disabled --ip-cooldown-seconds=30",
            "cnictl ipam split 4 --cidr=10.0.0.0/24",
            "cnictl ipam split 4 --name=web",
            "cnictl node decommission n1 --plan",
            "cnictl node status",
            "cnictl node status --run-dir /run/x -o json",
            "cnictl bgp routes --received 10.0.0.1 --socket /run/x/sidecar.sock",
            "cnictl bgp routes --advertised [fd00::1]:1179",
            "cnictl ipam check --show-all-ips --show-problem-ips -o report.json",
            "cnictl ipam check --runtime - --node n1 --fix leaked --yes",
            "cnictl ipam release --ip=10.0.0.1",
            "cnictl ipam release --from-report=a.json --from-report=b.json --force",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "cnictl delete",
            "cnictl ipam configure",
            "cnictl ipam split 4",
            "cnictl ipam release",
            "cnictl bgp routes",
            "cnictl bgp routes --received 10.0.0.1 --advertised 10.0.0.1",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
