//! Which datastore, and how it is reached: from the network configuration and the environment. Pure.
//!
//! The configuration wins over the environment, and there `CALICO_ETCD_…` over `ETCD_…`. Empty text and null
//! are absent. The embedded store is chosen by itself only when nothing at all points elsewhere: two truths
//! would hand out one address twice.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

mod dirs;
mod endpoint;
mod source;

pub use dirs::Dirs;
use source::{Source, text};

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// etcd, Calico's datastore.
    Etcd(EtcdConfig),
    /// LMDB on this node.
    Embedded(EmbeddedConfig),
}

/// How etcd is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct EtcdConfig {
    /// `http://host:port` or `https://host:port`, each once, as configured.
    pub endpoints: Vec<String>,
    /// The client's private key (PEM).
    pub key_file: Option<PathBuf>,
    /// The client's certificate (PEM).
    pub cert_file: Option<PathBuf>,
    /// The certificate authority of the servers (PEM); without it the system's.
    pub ca_cert_file: Option<PathBuf>,
    /// User and password. Each process then pays for a bcrypt on the server: certificates are better.
    pub user: Option<(String, String)>,
    /// For one connection, handshake included.
    pub connect_timeout: Duration,
    /// For one request.
    pub request_timeout: Duration,
    /// The file that remembers that this node has used etcd; `None` leaves no mark (a remote CLI).
    pub marker: Option<PathBuf>,
}

impl EtcdConfig {
    /// The endpoints, everything else by default.
    pub fn new(endpoints: Vec<String>) -> Self {
        Self {
            endpoints,
            key_file: None,
            cert_file: None,
            ca_cert_file: None,
            user: None,
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(2),
            marker: None,
        }
    }
}

impl fmt::Debug for EtcdConfig {
    /// Everything but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdConfig")
            .field("endpoints", &self.endpoints)
            .field("key_file", &self.key_file)
            .field("cert_file", &self.cert_file)
            .field("ca_cert_file", &self.ca_cert_file)
            .field("user", &self.user.as_ref().map(|(user, _)| user))
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("marker", &self.marker)
            .finish()
    }
}

/// Where the embedded store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// The directory of its files.
    pub path: PathBuf,
}

/// What is odd about a configuration that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why no datastore could be chosen. The text names the field or variable and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A field has a value of the wrong type.
    #[error("{0}")]
    WrongType(String),
    /// Something points to another datastore, but not how to reach it.
    #[error("{0}")]
    TwoTruths(String),
    /// Asked for, and not built.
    #[error("{0}")]
    Unsupported(String),
    /// A value is malformed or missing.
    #[error("{0}")]
    Incomplete(String),
}

impl ConfigError {
    /// The CNI error code.
    pub fn code(&self) -> u32 {
        match self {
            ConfigError::WrongType(_) => 7,
            ConfigError::TwoTruths(_) => 101,
            ConfigError::Unsupported(_) => 102,
            ConfigError::Incomplete(_) => 123,
        }
    }
}

/// What `datastore_type` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Etcd,
    Embedded,
}

/// The datastore that the configuration and the environment name, or the embedded one if nothing points
/// elsewhere. `used_etcd`: this node has used etcd before.
pub fn choose(
    netconf: &Map<String, Value>,
    env: &BTreeMap<String, String>,
    used_etcd: bool,
) -> Result<(Choice, Vec<Warning>), ConfigError> {
    let dirs = Dirs::from(netconf, env)?;
    let source = Source::new(netconf, env);
    source.check_types()?;
    let kind = match text(netconf, "datastore_type")? {
        Some(name) => Some((kind_of("datastore_type", &name)?, true)),
        None if text(netconf, "etcd_endpoints")?.is_some() => Some((Kind::Etcd, true)),
        None => match source.variable("DATASTORE_TYPE") {
            Some((variable, name)) => Some((kind_of(&variable, &name)?, false)),
            None if source.variable("ETCD_ENDPOINTS").is_some() => Some((Kind::Etcd, false)),
            None => None,
        },
    };
    match kind {
        Some((Kind::Etcd, _)) => etcd(&source, &dirs),
        Some((Kind::Embedded, by_netconf)) => {
            // A variable of the whole node does not overrule what this network's configuration says of etcd.
            if let (false, Some(pointer)) = (by_netconf, source.etcd_field()) {
                return Err(two_truths(&pointer));
            }
            Ok((embedded(&dirs), ignored(&source, used_etcd)?))
        }
        None if source.discovery()?.is_some() => {
            let discovery = source.discovery()?.unwrap_or_default();
            Err(source::no_discovery(&discovery))
        }
        None => match source.elsewhere(used_etcd.then(|| dirs.etcd_marker()))? {
            Some(pointer) => Err(two_truths(&pointer)),
            None => Ok((embedded(&dirs), Vec::new())),
        },
    }
}

fn embedded(dirs: &Dirs) -> Choice {
    Choice::Embedded(EmbeddedConfig { path: dirs.data() })
}

fn kind_of(field: &str, name: &str) -> Result<Kind, ConfigError> {
    match name.to_lowercase().as_str() {
        "etcdv3" | "etcd" => Ok(Kind::Etcd),
        "embedded" => Ok(Kind::Embedded),
        _ => Err(ConfigError::Unsupported(format!(
            "{field} is {name:?}: supported are \"etcdv3\" (with etcd_endpoints) and \"embedded\" (one node)"
        ))),
    }
}

fn two_truths(pointer: &str) -> ConfigError {
    ConfigError::TwoTruths(format!(
        "{pointer}, but no etcd endpoint is given: set \"etcd_endpoints\", or \"datastore_type\": \"embedded\" \
         if this node is to keep addresses of its own"
    ))
}

/// Warnings about what an explicit "embedded" leaves aside: etcd. A kubeconfig tells of pods all the same.
fn ignored(source: &Source<'_>, used_etcd: bool) -> Result<Vec<Warning>, ConfigError> {
    let mut warnings = Vec::new();
    source.elsewhere(None)?;
    if let Some(pointer) = source.to_etcd() {
        warnings.push(Warning(format!(
            "{pointer}, but datastore_type is \"embedded\": it is ignored"
        )));
    }
    if used_etcd {
        warnings.push(Warning(
            "this node has used etcd: addresses it allocated there are unknown to the embedded store"
                .to_owned(),
        ));
    }
    Ok(warnings)
}

fn etcd(source: &Source<'_>, dirs: &Dirs) -> Result<(Choice, Vec<Warning>), ConfigError> {
    let Some((field, list)) = source.setting("etcd_endpoints")? else {
        if let Some(discovery) = source.discovery()? {
            return Err(source::no_discovery(&discovery));
        }
        return Err(ConfigError::Incomplete(
            "datastore_type is etcd, but no endpoint is given: set \"etcd_endpoints\" to a comma-separated \
             list such as \"https://10.0.0.1:2379\""
                .to_owned(),
        ));
    };
    let file = |name: &str| -> Result<Option<PathBuf>, ConfigError> {
        Ok(source.setting(name)?.map(|(_, path)| PathBuf::from(path)))
    };
    let key_file = file("etcd_key_file")?;
    let cert_file = file("etcd_cert_file")?;
    let ca_cert_file = file("etcd_ca_cert_file")?;
    let tls = key_file.is_some() || cert_file.is_some() || ca_cert_file.is_some();
    let mut config = EtcdConfig::new(endpoint::list(&field, &list, tls)?);
    if key_file.is_some() != cert_file.is_some() {
        let (has, lacks) = match key_file {
            Some(_) => ("etcd_key_file", "etcd_cert_file"),
            None => ("etcd_cert_file", "etcd_key_file"),
        };
        return Err(ConfigError::Incomplete(format!(
            "{has} is set and {lacks} is not: a client certificate needs both"
        )));
    }
    (config.key_file, config.cert_file, config.ca_cert_file) = (key_file, cert_file, ca_cert_file);
    config.user = user(source)?;
    config.marker = Some(dirs.etcd_marker());
    let warnings = warnings(source, &config, tls);
    Ok((Choice::Etcd(config), warnings))
}

fn user(source: &Source<'_>) -> Result<Option<(String, String)>, ConfigError> {
    let user = source.setting("etcd_username")?;
    let password = source.setting("etcd_password")?;
    match (user, password) {
        (Some((_, user)), Some((_, password))) => Ok(Some((user, password))),
        (None, None) => Ok(None),
        (Some((field, _)), None) => Err(ConfigError::Incomplete(format!(
            "{field} is set without etcd_password"
        ))),
        (None, Some((field, _))) => Err(ConfigError::Incomplete(format!(
            "{field} is set without etcd_username"
        ))),
    }
}

fn warnings(source: &Source<'_>, config: &EtcdConfig, tls: bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if config.user.is_some() {
        warnings.push(Warning(
            "etcd user and password cost about 60 ms per call (bcrypt on the server): use etcd_cert_file and \
             etcd_key_file"
                .to_owned(),
        ));
    }
    for endpoint in config
        .endpoints
        .iter()
        .filter(|url| tls && url.starts_with("http://"))
    {
        warnings.push(Warning(format!(
            "{endpoint} is plain http: the etcd certificates are not used for it; write https://"
        )));
    }
    warnings.extend(source.unknown_fields().map(|field| {
        Warning(format!(
            "unknown field {field:?} in the network configuration is ignored"
        ))
    }));
    warnings
}

#[cfg(test)]
mod tests;
