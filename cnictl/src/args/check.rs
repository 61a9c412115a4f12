//! The command line of `ipam check` and `ipam release`, in calicoctl's words where it has them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::resource::Dry;

/// `ipam check`: reads only, unless --fix is given.
#[derive(Args, Debug)]
pub struct Check {
    /// Print all IPs that are checked
    #[arg(long)]
    pub show_all_ips: bool,
    /// Print all IPs that are leaked or not allocated properly
    #[arg(long)]
    pub show_problem_ips: bool,
    /// Write calicoctl's report here, for release --from-report
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Who is alive on a node: the output of `crictl pods -q --no-trunc`, in a file or - for stdin
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
    /// Who is alive in the cluster: its API server's pods
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Of which node --runtime is [default: this one]
    #[arg(long, requires = "runtime")]
    pub node: Option<String>,
    /// Says which node this machine is [default: /var/lib/calico/nodename]
    #[arg(long, value_name = "FILE")]
    pub nodename_file: Option<PathBuf>,
    /// What is allocated for a shorter time is not called leaked: its ADD may be under way
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub grace: u32,
    /// How long a problem must stand to be one: Calico's own calls take several writes
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub settle: u32,
    /// Put these problems right: an ID, ID@REVISION (only as it was seen), a kind such as orphan-handle, or all
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub fix: Vec<String>,
    /// Needed for --fix with a kind or all
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}

/// `ipam release`.
#[derive(Args, Debug)]
pub struct Release {
    /// IP address to release
    #[arg(long, value_name = "ADDRESS", required_unless_present_any = ["handle", "from_report"])]
    pub ip: Option<IpAddr>,
    /// Everything this handle (NETWORK.CONTAINER) holds, and the handle
    #[arg(long, conflicts_with = "ip")]
    pub handle: Option<String>,
    /// What all of these reports of ipam check call leaked; one of them must be up to date
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["ip", "handle"])]
    pub from_report: Vec<PathBuf>,
    /// Although a pod of this node uses it; with reports of another version, and while the datastore is not locked
    #[arg(long)]
    pub force: bool,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}
