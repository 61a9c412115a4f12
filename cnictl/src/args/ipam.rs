//! The command line of `ipam`, in calicoctl's words where it has them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::resource::Dry;

/// `ipam`.
#[derive(Debug, Subcommand)]
pub enum Ipam {
    /// How full pools are
    Show(Show),
    /// Change what the allocator goes by
    Configure(Configuring),
    /// Cut a pool into smaller ones
    Split(Split),
    /// Find what contradicts what, and put it right
    Check(super::check::Check),
    /// Release addresses and handles
    Release(super::check::Release),
    /// Which pools a pod would get its addresses from, and why not from the others
    Explain(Explain),
    /// How many more pods each node can start
    Headroom(Headroom),
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

/// `ipam configure`.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub struct Configure {
    /// Whether a host keeps to its own blocks; off, it may borrow from others' when nothing else is free
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    pub strictaffinity: Option<bool>,
    /// Blocks per host and family; 0 is the default. Only with strict affinity: with it off, a host at its limit
    /// does not borrow, its pods fail
    #[arg(long, value_name = "N")]
    pub max_blocks_per_host: Option<u32>,
    /// Whether a KubeVirt machine keeps its addresses
    #[arg(long, value_name = "Enabled|Disabled", value_enum, ignore_case = true)]
    pub kubevirt_ip_persistence: Option<Persistence>,
    /// How long a released address rests, at most 1200; 0 is not at all
    #[arg(long, value_name = "SECONDS", visible_alias = "ip-cooldown")]
    pub ip_cooldown_seconds: Option<u32>,
}

/// `ipam configure`.
#[derive(Args, Debug)]
pub struct Configuring {
    /// What.
    #[command(flatten)]
    pub change: Configure,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}

/// Whether a KubeVirt machine keeps its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Persistence {
    /// It does.
    #[value(name = "Enabled")]
    Enabled,
    /// It does not.
    #[value(name = "Disabled")]
    Disabled,
}

impl Persistence {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Persistence::Enabled => "Enabled",
            Persistence::Disabled => "Disabled",
        }
    }
}

/// `ipam split`.
#[derive(Args, Debug)]
pub struct Split {
    /// Into how many: a power of two, at least 2
    pub number: u32,
    /// The pool with this range
    #[arg(long, required_unless_present = "name", conflicts_with = "name")]
    pub cidr: Option<IpNet>,
    /// The pool of this name
    #[arg(long, visible_alias = "pool")]
    pub name: Option<String>,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}

/// `ipam explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// The node the pod is to run on
    #[arg(long, value_name = "NAME")]
    pub node: String,
    /// The pod's namespace
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The pod
    #[arg(long, value_name = "NAME", requires = "namespace")]
    pub pod: Option<String>,
    /// The network configuration whose ipam section names pools
    #[arg(long, value_name = "FILE")]
    pub conflist: Option<PathBuf>,
    /// Labels of the namespace, for the pools' namespaceSelector
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub namespace_labels: Vec<String>,
    /// An annotation of the namespace; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub namespace_annotation: Vec<String>,
    /// An annotation of the pod; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub pod_annotation: Vec<String>,
    /// Ask the API server for the annotations and labels that are not given
    #[arg(long, value_name = "FILE", requires = "namespace")]
    pub kubeconfig: Option<PathBuf>,
}

/// `ipam headroom`.
#[derive(Args, Debug)]
pub struct Headroom {
    /// This node only
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Labels of the namespace the pods are of, for the pools' namespaceSelector
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub namespace_labels: Vec<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Report,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// Columns
    Table,
    /// For programs
    Json,
}
