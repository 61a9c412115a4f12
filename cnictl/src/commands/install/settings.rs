//! What an installation is told: flag, then `MANX_…`, then the variables of Calico's installer, then what the
//! installation before was told, then the default. Every key stands in [`KEYS`].

use std::collections::BTreeMap;

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As a flag with `-` for `_`; after `MANX_` as a variable.
    pub name: &'static str,
    /// Calico's variables for it; the first one set counts.
    pub variables: &'static [&'static str],
    /// Where nothing is told; empty is "not set".
    pub default: &'static str,
}

const fn key(name: &'static str, variables: &'static [&'static str], default: &'static str) -> Key {
    Key {
        name,
        variables,
        default,
    }
}

/// Every key.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("bin_dir", &[], "/opt/cni/bin"),
    key("conf_dir", &["CNI_NET_DIR"], "/etc/cni/net.d"),
    key("conf_name", &["CNI_CONF_NAME"], "10-manx.conflist"),
    key("kubeconfig_file", &[], ""),
    key("nodename_file", &["CALICO_NODENAME_FILE"], "/var/lib/calico/nodename"),
    key("protocols_file", &[], "/etc/iproute2/rt_protos.d/manx.conf"),
    key("state_dir", &[], "/var/lib/cni/manx"),
    key("run_dir", &[], "/run/manx"),
    key("plugin_dir", &[], ""),
    key("calico_names", &[], ""),
    key("no_wait", &[], ""),
    key("template", &["CNI_NETWORK_CONFIG_FILE"], ""),
    key("template_text", &["CNI_NETWORK_CONFIG"], ""),
    key("nodename", &["KUBERNETES_NODE_NAME", "NODENAME", "CALICO_NODENAME"], ""),
    key("mtu", &["CNI_MTU"], "0"),
    key("log_level", &["LOG_LEVEL"], "info"),
    key("log_file_path", &["LOG_FILE_PATH"], "/var/log/calico/cni/cni.log"),
    key("log_file_max_size", &["LOG_FILE_MAX_SIZE"], "100"),
    key("log_file_max_age", &["LOG_FILE_MAX_AGE"], "30"),
    key("log_file_max_count", &["LOG_FILE_MAX_COUNT"], "10"),
    key("datastore_type", &["CALICO_DATASTORE_TYPE", "DATASTORE_TYPE"], ""),
    key("etcd_endpoints", &["CALICO_ETCD_ENDPOINTS", "ETCD_ENDPOINTS"], ""),
    key("etcd_discovery_srv", &["CALICO_ETCD_DISCOVERY_SRV", "ETCD_DISCOVERY_SRV"], ""),
    key("etcd_key_file", &["CALICO_ETCD_KEY_FILE", "ETCD_KEY_FILE"], ""),
    key("etcd_cert_file", &["CALICO_ETCD_CERT_FILE", "ETCD_CERT_FILE"], ""),
    key("etcd_ca_cert_file", &["CALICO_ETCD_CA_CERT_FILE", "ETCD_CA_CERT_FILE"], ""),
    key("tls_from", &["TLS_ASSETS_DIR"], "/calico-secrets"),
    key("api_server", &[], ""),
    key("kubernetes_service_protocol", &["KUBERNETES_SERVICE_PROTOCOL"], "https"),
    key("kubernetes_service_host", &["KUBERNETES_SERVICE_HOST"], ""),
    key("kubernetes_service_port", &["KUBERNETES_SERVICE_PORT"], ""),
    key("service_account_dir", &[], "/var/run/secrets/kubernetes.io/serviceaccount"),
    key("token_for", &[], ""),
    key("token_lifetime", &[], "24h"),
];

/// What is told, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(BTreeMap<String, String>);

impl Told {
    /// All of it together; empty text is absent. `before` is what an installation before was told.
    pub fn gather(
        flags: &BTreeMap<&str, String>,
        environment: &BTreeMap<String, String>,
        before: &BTreeMap<String, String>,
    ) -> Self {
        let set = |text: Option<&String>| text.filter(|text| !text.trim().is_empty()).cloned();
        let told = |key: &Key| {
            let own = format!("MANX_{}", key.name.to_uppercase());
            let variables = std::iter::once(own.as_str()).chain(key.variables.iter().copied());
            let mut variables = variables.filter_map(|name| set(environment.get(name)));
            let value = set(flags.get(key.name)).or_else(|| variables.next());
            let value = value.or_else(|| set(before.get(key.name)))?;
            Some((key.name.to_owned(), value))
        };
        Self(KEYS.iter().filter_map(told).collect())
    }

    /// What is told of a key.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What is told of a key, or its default.
    pub fn text(&self, name: &str) -> &str {
        let default = || KEYS.iter().find(|key| key.name == name).map(|key| key.default);
        self.get(name).or_else(default).unwrap_or_default()
    }

    /// Whether a key without value is set.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// For the next one.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// `90s`, `15m`, `24h`, or a number of seconds.
///
/// # Errors
/// Anything else, and less than the ten minutes that an API server asks for.
pub fn lifetime(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, text.as_bytes().last()),
        None => (text, None),
    };
    let factor = match unit {
        Some(b'm') => 60,
        Some(b'h') => 3600,
        Some(_) | None => 1,
    };
    let seconds = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    match seconds {
        Some(seconds) if seconds >= 600 => Ok(seconds),
        Some(_) | None => Err(format!(
            "token_lifetime is {text:?}: give ten minutes or more, such as 3600s, 60m, 24h"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_flag_precedes_our_variable_calicos_the_installation_before_and_the_default() {
        let flags = BTreeMap::from([("mtu", "9000".to_owned()), ("conf_name", String::new())]);
        let environment = map(&[
            ("CNI_MTU", "1400"),
            ("MANX_CONF_DIR", "/ours"),
            ("CNI_NET_DIR", "/calicos"),
            ("NODENAME", "n1"),
            ("LOG_LEVEL", " "),
        ]);
        let before = map(&[("conf_dir", "/before"), ("bin_dir", "/usr/lib/cni"), ("old", "x")]);
        let told = Told::gather(&flags, &environment, &before);
        for (name, wanted) in [
            ("mtu", "9000"),
            ("conf_dir", "/ours"),
            ("bin_dir", "/usr/lib/cni"),
            ("nodename", "n1"),
            ("log_level", "info"),
            ("conf_name", "10-manx.conflist"),
            ("kubeconfig_file", ""),
        ] {
            assert_eq!(told.text(name), wanted, "{name}");
        }
        assert_eq!(told.get("log_level"), None);
        assert!(!told.all().contains_key("old"), "only keys that are known");
    }

    #[test]
    fn a_lifetime_has_a_unit_and_is_never_too_short() {
        assert_eq!(lifetime("24h"), Ok(86_400));
        assert_eq!(lifetime("15m"), Ok(900));
        assert_eq!(lifetime("3600"), Ok(3600));
        for wrong in [
            "",
            "h",
            "9m",
            "1d",
            "-24h",
            "99999999999999999999h",
            "18446744073709551615h",
        ] {
            assert!(lifetime(wrong).unwrap_err().contains("token_lifetime"), "{wrong}");
        }
    }
}
