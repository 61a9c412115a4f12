//! Every key, in one table: help and documentation are printed from it.

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// In the file.
    pub name: &'static str,
    /// Calico's variables for it, after `MANX_…`; the first one set counts.
    pub variables: &'static [&'static str],
    /// Where nothing is given; empty is "not set".
    pub default: &'static str,
    /// What it is, in a line.
    pub meaning: &'static str,
}

impl Key {
    /// The flag, with its dashes.
    pub fn flag(&self) -> String {
        format!("--{}", self.words('-').to_lowercase())
    }

    /// The variable of our own.
    pub fn variable(&self) -> String {
        format!("MANX_{}", self.words('_').to_uppercase())
    }

    fn words(&self, between: char) -> String {
        let mut words = String::new();
        for letter in self.name.chars() {
            if letter.is_ascii_uppercase() {
                words.push(between);
            }
            words.push(if letter == '_' { between } else { letter });
        }
        words
    }
}

const fn key(
    name: &'static str,
    variables: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        variables,
        default,
        meaning,
    }
}

/// Fields that are handed on to the choice of the datastore as they are.
pub(super) const DATASTORE: [&str; 10] = [
    "datastore_type",
    "etcd_endpoints",
    "etcd_key_file",
    "etcd_cert_file",
    "etcd_ca_cert_file",
    "etcd_username",
    "etcd_password",
    "etcd_discovery_srv",
    "state_dir",
    "run_dir",
];

/// Every key.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("datastore_type", &["CALICO_DATASTORE_TYPE", "DATASTORE_TYPE"], "", "etcdv3 or embedded; without it, what the other keys point to"),
    key("etcd_endpoints", &["CALICO_ETCD_ENDPOINTS", "ETCD_ENDPOINTS"], "", "comma-separated, such as https://10.0.0.1:2379"),
    key("etcd_key_file", &["CALICO_ETCD_KEY_FILE", "ETCD_KEY_FILE"], "", "the client's private key (PEM)"),
    key("etcd_cert_file", &["CALICO_ETCD_CERT_FILE", "ETCD_CERT_FILE"], "", "the client's certificate (PEM)"),
    key("etcd_ca_cert_file", &["CALICO_ETCD_CA_CERT_FILE", "ETCD_CA_CERT_FILE"], "", "the certificate authority of the servers (PEM)"),
    key("etcd_username", &["CALICO_ETCD_USERNAME", "ETCD_USERNAME"], "", "user, where certificates are not used"),
    key("etcd_password", &["CALICO_ETCD_PASSWORD", "ETCD_PASSWORD"], "", "the user's password"),
    key("etcd_discovery_srv", &["CALICO_ETCD_DISCOVERY_SRV", "ETCD_DISCOVERY_SRV"], "", "not supported: list etcd_endpoints"),
    key("kubeconfig", &["KUBECONFIG"], "", "the API server whose Node's labels are copied; without it, in a pod, the pod's own ServiceAccount asks"),
    key("service_account_dir", &[], "/var/run/secrets/kubernetes.io/serviceaccount", "its token and ca.crt, read again as they are renewed; none asks no API server"),
    key("kubernetes_service_host", &["KUBERNETES_SERVICE_HOST"], "", "the API server, where a pod is told it; without it there is no pod"),
    key("kubernetes_service_port", &["KUBERNETES_SERVICE_PORT"], "443", "its port"),
    key("kubernetes_node", &["CALICO_K8S_NODE_REF"], "", "this node's name in Kubernetes; without it the node's name"),
    key("nodename", &["NODENAME"], "", "this node's name; without it nodename_file, then the host's name"),
    key("nodename_file", &["CALICO_NODENAME_FILE"], "/var/lib/calico/nodename", "where the node's name is kept for the plugins"),
    key("state_dir", &[], "/var/lib/cni/manx", "what survives a boot: snapshot, spool, embedded store"),
    key("run_dir", &[], "/run/manx", "what does not: socket, lock, readiness"),
    key("listen_address", &[], "", "listen here only; without it on every address"),
    key("listen_port", &[], "", "listen on this port; without it BGPConfiguration's listenPort, then 179"),
    key("hold_time", &[], "90s", "hold time offered to peers (RFC 4271); 0 switches keepalives off"),
    key("keepalive_time", &[], "", "between two KEEPALIVEs, where a BGPPeer says nothing; without it a third of the agreed hold time"),
    key("connect_retry_time", &[], "5s", "between two attempts to connect"),
    key("restart_time", &[], "120s", "restart time offered (RFC 4724), where a BGPPeer says nothing"),
    key("max_prefixes", &[], "", "more prefixes than this from a peer end its session; without it there is no limit"),
    key("extra_families", &[], "", "families beside that of the peer's address: 10.0.0.1=ipv6,fd00::1=ipv4"),
    key("passive_peers", &[], "", "addresses of peers that are never dialled, comma-separated"),
    key("importPolicy", &[], "pools", "pools: only routes inside pools reach the kernel, unless a BGPFilter accepts them; all: every route"),
    key("exception_routes", &[], "true", "route around own blackholes to addresses that other nodes have borrowed"),
    key("audit_interval", &[], "300s", "how often the kernel's routes, the spool and files with passwords are looked at though nothing was heard of them"),
    key("router_id", &["CALICO_ROUTER_ID"], "", "BGP identifier: four numbers, or hash; without it the node's IPv4 address"),
    key("metrics_address", &[], "127.0.0.1:9179", "where /metrics, /readyz and /livez are served; none serves them nowhere"),
    key("log_level", &[], "", "error, warning, info, debug, trace; without it BGPConfiguration's logSeverityScreen, then info"),
    key("log_format", &[], "text", "text or json"),
    key("secrets_dir", &[], "/etc/cni/manx/secrets", "passwords of secretKeyRefs, as <name>/<key>"),
    key("sysctl_dir", &[], "/proc/sys", "where forwarding is switched on: in a container /proc/sys itself is read-only"),
    key("machine_id_file", &[], "/etc/machine-id", "who this machine is, for the lease on the node's name"),
    key("boot_id_file", &[], "/proc/sys/kernel/random/boot_id", "which boot this is, for the same"),
    key("ip", &["IP"], "", "the node's IPv4 address: autodetect, none, or one; without it the registered one, or autodetect"),
    key("ip6", &["IP6"], "", "the node's IPv6 address: autodetect, none, or one; without it the registered one"),
    key("ip_autodetection_method", &["IP_AUTODETECTION_METHOD"], "first-found", "first-found, interface=, skip-interface=, can-reach=, cidr=, kubernetes-internal-ip"),
    key("ip6_autodetection_method", &["IP6_AUTODETECTION_METHOD"], "first-found", "the same for IPv6"),
    key("as", &["AS"], "", "the node's AS: a number or dotted in quotes; without it the registered one, or BGPConfiguration's"),
    key("no_default_pools", &["NO_DEFAULT_POOLS"], "false", "true: no pool is made, and one of the keys below that names one is an error"),
    key("ipv4pool_cidr", &["CALICO_IPV4POOL_CIDR"], "", "make this pool if there is no IPv4 pool; none or nothing makes none"),
    key("ipv4pool_block_size", &["CALICO_IPV4POOL_BLOCK_SIZE"], "", "prefix length of its blocks; 26 without it"),
    key("ipv4pool_node_selector", &["CALICO_IPV4POOL_NODE_SELECTOR"], "", "nodes that may take from it; all() without it"),
    key("ipv4pool_ipip", &["CALICO_IPV4POOL_IPIP"], "", "Never, Always or CrossSubnet (off, always, cross-subnet); Never without it"),
    key("ipv4pool_vxlan", &["CALICO_IPV4POOL_VXLAN"], "", "Never, Always or CrossSubnet; Never without it"),
    key("ipv4pool_nat_outgoing", &["CALICO_IPV4POOL_NAT_OUTGOING"], "", "written into the pool; masquerading itself is not done here"),
    key("ipv4pool_disable_bgp_export", &["CALICO_IPV4POOL_DISABLE_BGP_EXPORT"], "", "true: its routes are told to no peer"),
    key("ipv6pool_cidr", &["CALICO_IPV6POOL_CIDR"], "", "make this pool if there is no IPv6 pool; none or nothing makes none"),
    key("ipv6pool_block_size", &["CALICO_IPV6POOL_BLOCK_SIZE"], "", "prefix length of its blocks; 122 without it"),
    key("ipv6pool_node_selector", &["CALICO_IPV6POOL_NODE_SELECTOR"], "", "nodes that may take from it; all() without it"),
    key("ipv6pool_vxlan", &["CALICO_IPV6POOL_VXLAN"], "", "Never, Always or CrossSubnet; Never without it"),
    key("ipv6pool_nat_outgoing", &["CALICO_IPV6POOL_NAT_OUTGOING"], "", "written into the pool; masquerading itself is not done here"),
    key("ipv6pool_disable_bgp_export", &["CALICO_IPV6POOL_DISABLE_BGP_EXPORT"], "", "true: its routes are told to no peer"),
];

/// The table as text: one key a paragraph.
pub fn help() -> String {
    let mut text = String::new();
    for key in KEYS {
        let own = key.variable();
        let variables = std::iter::once(own.as_str()).chain(key.variables.iter().copied());
        let variables = variables.collect::<Vec<_>>().join(", ");
        let default = match key.default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        let (name, flag, meaning) = (key.name, key.flag(), key.meaning);
        text.push_str(&format!(
            "  {name}{default}\n      {meaning}\n      {flag}; {variables}\n"
        ));
    }
    text
}
