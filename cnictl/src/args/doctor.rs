//! The command line of `doctor`.

use std::path::PathBuf;

use clap::Args;

use super::ipam::Report;

/// `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Report,
    /// This host's name as a node [default: MANX_NODENAME, or what the file says]
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Says which node this machine is [default: /var/lib/calico/nodename]
    #[arg(long, value_name = "FILE")]
    pub nodename_file: Option<PathBuf>,
    /// The folder of plugins
    #[arg(long, value_name = "DIR", default_value = "/opt/cni/bin")]
    pub cni_bin_dir: PathBuf,
    /// The sidecar's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/cni/manx/sidecar.yaml")]
    pub sidecar_config: PathBuf,
    /// kubelet's configuration
    #[arg(long, value_name = "FILE", default_value = "/var/lib/kubelet/config.yaml")]
    pub kubelet_config: PathBuf,
    /// systemd-networkd's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/systemd/networkd.conf")]
    pub networkd_config: PathBuf,
    /// The port that the sidecar listens on
    #[arg(long, value_name = "PORT", default_value_t = 179)]
    pub bgp_port: u16,
}
