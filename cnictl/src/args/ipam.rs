//! The command line of `ipam configure` and `ipam split`, in calicoctl's words.

use clap::{ArgAction, Args, ValueEnum};
use ipnet::IpNet;

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
}
