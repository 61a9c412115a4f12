//! The command line of `install`, `upgrade` and `uninstall`.

use std::path::PathBuf;

use clap::Args;

/// Where things lie on the machine.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Places")]
pub struct Places {
    /// The machine's root directory, where it is mounted elsewhere: what every other path here lies below
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// The runtime's folder of plugins [default: /opt/cni/bin]
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<String>,
    /// The runtime's folder of network configurations [default: /etc/cni/net.d]
    #[arg(long, value_name = "DIR")]
    pub conf_dir: Option<String>,
    /// The conflist's name in it [default: 10-manx.conflist]
    #[arg(long, value_name = "NAME")]
    pub conf_name: Option<String>,
    /// The plugin's kubeconfig [default: manx-kubeconfig beside the conflist]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig_file: Option<String>,
    /// Where Calico and its tools look for this node's name [default: /var/lib/calico/nodename]
    #[arg(long, value_name = "FILE")]
    pub nodename_file: Option<String>,
    /// Tells iproute2 what `proto manx` is [default: /etc/iproute2/rt_protos.d/manx.conf]
    #[arg(long, value_name = "FILE")]
    pub protocols_file: Option<String>,
    /// Only show what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// `install` and `upgrade`.
#[derive(Args, Clone, Debug)]
pub struct Install {
    /// Where.
    #[command(flatten)]
    pub places: Places,
    /// The folder of the new cni-net and cni-ipam [default: cnictl's own, then /usr/lib/cni]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Answer to the names calico and calico-ipam, too; a plugin that has the name already is kept for `uninstall`
    #[arg(long)]
    pub calico_names: bool,
    /// Another folder that the runtime finds plugins in; repeatable
    #[arg(long, value_name = "DIR")]
    pub plugin_dir: Vec<String>,
    /// The conflist, with Calico's placeholders (`__KUBERNETES_NODE_NAME__` …) [default: one that fits]
    #[arg(long, value_name = "FILE")]
    pub template: Option<String>,
    /// This node's name [default: what the file says, then the host's name]
    #[arg(long, value_name = "NAME")]
    pub nodename: Option<String>,
    /// The pods' MTU; 0 takes the uplink's [default: 0]
    #[arg(long, value_name = "OCTETS")]
    pub mtu: Option<String>,
    /// What plugins log: debug, info, warning, error [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// A folder with etcd-ca, etcd-cert, etcd-key, as a Secret is mounted: copied, again whenever it changes
    /// [default: /calico-secrets]
    #[arg(long, value_name = "DIR")]
    pub tls_from: Option<String>,
    /// The API server's URL [default: of the pod's environment]
    #[arg(long, value_name = "URL")]
    pub api_server: Option<String>,
    /// The pod's token and ca.crt [default: /var/run/secrets/kubernetes.io/serviceaccount]
    #[arg(long, value_name = "DIR")]
    pub service_account_dir: Option<String>,
    /// Let the API server issue the plugin's tokens, for this ServiceAccount: the pod's own ends with the pod
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub token_for: Option<String>,
    /// How long such a token lasts; half of that before its end there is a new one [default: 24h]
    #[arg(long, value_name = "TIME")]
    pub token_lifetime: Option<String>,
    /// This node does without bgp-sidecar: neither this call nor STATUS waits for it
    #[arg(long)]
    pub no_wait: bool,
    /// Wait for bgp-sidecar no longer than this many seconds [default: 120; with --watch as long as it takes]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Stay, and write anew what changes: token, certificates, template
    #[arg(long, conflicts_with = "dry_run")]
    pub watch: bool,
    /// Which boot this is
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/proc/sys/kernel/random/boot_id",
        hide = true
    )]
    pub boot_id_file: PathBuf,
}

/// `uninstall`.
#[derive(Args, Clone, Debug)]
pub struct Uninstall {
    /// Where.
    #[command(flatten)]
    pub places: Places,
    /// Even though pods still use the network, or releases wait for the datastore
    #[arg(long)]
    pub force: bool,
    /// The embedded store, too: pools and every address given out
    #[arg(long)]
    pub purge: bool,
    /// Do not end when it is done, as a DaemonSet's container should not
    #[arg(long)]
    pub stay: bool,
}
