//! What is to lie where, once everything that goes there is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::bytes::Bytes;
use super::conflist::{self, Template, Values};
use super::kubeconfig::{self, Credentials};
use super::places::Places;
use super::settings::Told;

/// The plugins, in the order in which new ones take the old ones' places: who is called before who calls.
pub const PROGRAMS: [&str; 2] = ["cni-ipam", "cni-net"];
/// etcd's certificates, by the names that Calico's Secret gives them.
pub const TLS: [&str; 3] = ["etcd-ca", "etcd-cert", "etcd-key"];
/// Calico's name for each of the plugins.
const CALICOS: [(&str, &str); 2] = [("calico", "cni-net"), ("calico-ipam", "cni-ipam")];
/// What iproute2 is told.
const PROTOCOLS: &str = include_str!("../../../../conf/iproute2/manx.conf");

/// Everything that comes from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The new plugins, by name.
    pub programs: BTreeMap<String, Bytes>,
    /// They lie where the runtime finds them already, put there by somebody else (a package).
    pub in_place: bool,
    /// The template that is told.
    pub template: Option<Template>,
    /// This node's name.
    pub nodename: String,
    /// The pod's, or those that were issued for the plugin.
    pub credentials: Option<Credentials>,
    /// Whether there is a kubeconfig already.
    pub kubeconfig: bool,
    /// The certificates of [`TLS`] that there are.
    pub tls: BTreeMap<String, Bytes>,
    /// The names of the certificates that this node has from an earlier time.
    pub installed_tls: BTreeSet<String>,
    /// The names of all plugins that the runtime finds now.
    pub plugins: BTreeSet<String>,
    /// The names in the runtime's folder of network configurations.
    pub configurations: Vec<String>,
}

/// A file or a link, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file.
    File {
        /// Where.
        path: PathBuf,
        /// What is in it.
        bytes: Bytes,
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
        /// Whether what had this name before is kept.
        keep: bool,
    },
}

impl Target {
    /// Where.
    pub fn path(&self) -> &PathBuf {
        match self {
            Target::File { path, .. } | Target::Link { path, .. } => path,
        }
    }

    fn file(path: PathBuf, bytes: impl Into<Bytes>, mode: u32) -> Self {
        let bytes = bytes.into();
        Target::File { path, bytes, mode }
    }
}

/// What is to lie where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What a plugin that is called may need, in its order.
    pub targets: Vec<Target>,
    /// What lets the runtime call it.
    pub conflist: Target,
}

/// Puts it together.
///
/// # Errors
/// What is missing or cannot be used, and the way out.
pub fn wanted(told: &Told, places: &Places, found: &Found) -> Result<Wanted, String> {
    let mut targets = vec![
        Target::file(places.nodename.clone(), found.nodename.as_str(), 0o644),
        Target::file(places.protocols.clone(), PROTOCOLS, 0o644),
    ];
    targets.extend(certificates(told, places, found)?);
    if let Some(credentials) = &found.credentials {
        let text = kubeconfig::text(credentials);
        targets.push(Target::file(places.kubeconfig.clone(), text, 0o600));
    }
    for name in PROGRAMS {
        let Some(bytes) = found.programs.get(name) else {
            return Err(format!(
                "{name} is not among the new programs: give their folder as --from"
            ));
        };
        if !found.in_place {
            targets.push(Target::file(places.bin_dir.join(name), bytes.clone(), 0o755));
        }
    }
    let calicos = told.flag("calico_names").then_some(CALICOS).into_iter().flatten();
    targets.extend(calicos.map(|(name, to)| Target::Link {
        path: places.bin_dir.join(name),
        to: PathBuf::from(to),
        keep: true,
    }));
    let text = template(told, found).fill(&values(told, places, found)?)?;
    callable(told, places, found, &text)?;
    Ok(Wanted {
        targets,
        conflist: Target::file(places.conflist.clone(), text, 0o600),
    })
}

/// A folder of their own, and the link that the conflist names: a plugin sees the old ones or the new ones.
fn certificates(told: &Told, places: &Places, found: &Found) -> Result<Vec<Target>, String> {
    let has = |name: &str| found.tls.contains_key(name);
    if has("etcd-cert") != has("etcd-key") {
        return Err(format!(
            "{}: of etcd-cert and etcd-key only one is there: put both into the Secret, or neither",
            told.text("tls_from")
        ));
    }
    stays(told, places, found)?;
    if found.tls.is_empty() {
        return Ok(Vec::new());
    }
    let sums: Vec<u8> = found
        .tls
        .iter()
        .flat_map(|(name, one)| [name.as_bytes(), &one.sum()].concat())
        .collect();
    let set = places.tls_set(&Bytes::from(sums).sum());
    let mut targets: Vec<Target> = found
        .tls
        .iter()
        .map(|(name, bytes)| Target::file(set.join(name), bytes.clone(), 0o600))
        .collect();
    targets.push(Target::Link {
        path: places.tls(),
        to: set.file_name().map(PathBuf::from).unwrap_or_default(),
        keep: false,
    });
    Ok(targets)
}

/// A Secret that was emptied or deleted by mistake takes no node's way to its datastore along.
fn stays(told: &Told, places: &Places, found: &Found) -> Result<(), String> {
    let encrypted =
        told.text("etcd_endpoints").contains("https://") || told.get("etcd_discovery_srv").is_some();
    let missing: Vec<&str> = found
        .installed_tls
        .iter()
        .filter(|name| TLS.contains(&name.as_str()) && !found.tls.contains_key(*name))
        .map(String::as_str)
        .collect();
    if !encrypted || missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} has no {}, which this node has and its etcd ({}) is spoken to with: nothing is changed. Put it back into the \
         Secret; if it is to go, remove {} from the node first",
        told.text("tls_from"),
        missing.join(", "),
        told.get("etcd_endpoints")
            .unwrap_or_else(|| told.text("etcd_discovery_srv")),
        places.tls().display(),
    ))
}

fn kubernetes(told: &Told, found: &Found) -> bool {
    found.credentials.is_some() || found.kubeconfig || told.get("kubeconfig_file").is_some()
}

/// The one that is told, or the one that fits.
fn template(told: &Told, found: &Found) -> Template {
    let ours = |origin: &str, text: &str| Template {
        origin: origin.to_owned(),
        text: text.to_owned(),
    };
    match &found.template {
        Some(template) => template.clone(),
        None if kubernetes(told, found) => ours("kubernetes.conflist", conflist::KUBERNETES),
        None if datastore_type(told) == "embedded" => ours("embedded.conflist", conflist::EMBEDDED),
        None => ours("etcd.conflist", conflist::ETCD),
    }
}

fn datastore_type(told: &Told) -> &str {
    let fits = if told.get("etcd_endpoints").is_some() {
        "etcdv3"
    } else {
        "embedded"
    };
    told.get("datastore_type").unwrap_or(fits)
}

fn values(told: &Told, places: &Places, found: &Found) -> Result<Values, String> {
    let text = |name: &str| told.text(name).to_owned();
    let number = |name: &str| match told.text(name).parse::<u32>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => Err(format!("{name} is {:?}: give a number", told.text(name))),
    };
    let path = |path: &PathBuf| path.display().to_string();
    let tls = |name: &str, key: &str| match found.tls.contains_key(name) {
        true => path(&places.tls().join(name)),
        false => text(key),
    };
    let credentials = found.credentials.as_ref();
    Ok([
        ("KUBERNETES_NODE_NAME", found.nodename.clone()),
        ("CNI_MTU", number("mtu")?),
        ("LOG_LEVEL", text("log_level")),
        ("LOG_FILE_PATH", text("log_file_path")),
        ("LOG_FILE_MAX_SIZE", number("log_file_max_size")?),
        ("LOG_FILE_MAX_AGE", number("log_file_max_age")?),
        ("LOG_FILE_MAX_COUNT", number("log_file_max_count")?),
        ("DATASTORE_TYPE", datastore_type(told).to_owned()),
        ("ETCD_ENDPOINTS", text("etcd_endpoints")),
        ("ETCD_DISCOVERY_SRV", text("etcd_discovery_srv")),
        ("ETCD_KEY_FILE", tls("etcd-key", "etcd_key_file")),
        ("ETCD_CERT_FILE", tls("etcd-cert", "etcd_cert_file")),
        ("ETCD_CA_CERT_FILE", tls("etcd-ca", "etcd_ca_cert_file")),
        ("KUBECONFIG_FILEPATH", path(&places.kubeconfig)),
        ("KUBERNETES_SERVICE_HOST", text("kubernetes_service_host")),
        ("KUBERNETES_SERVICE_PORT", text("kubernetes_service_port")),
        (
            "SERVICEACCOUNT_TOKEN",
            credentials.map(|one| one.token.clone()).unwrap_or_default(),
        ),
        ("STATE_DIR", path(&places.state_dir)),
        ("RUN_DIR", path(&places.run_dir)),
        ("SIDECAR_REQUIRED", (!told.flag("no_wait")).to_string()),
    ]
    .into())
}

/// A conflist that names a plugin which is not there starts no pod at all.
fn callable(told: &Told, places: &Places, found: &Found, conflist: &str) -> Result<(), String> {
    let calicos: &[(&str, &str)] = if told.flag("calico_names") { &CALICOS } else { &[] };
    let ours = |name: &str| PROGRAMS.contains(&name) || calicos.iter().any(|(calicos, _)| *calicos == name);
    let mut missing = conflist::programs(conflist);
    missing.retain(|name| !ours(name) && !found.plugins.contains(name));
    if missing.is_empty() {
        return Ok(());
    }
    let folders = std::iter::once(places.bin_dir.display().to_string());
    let folders: Vec<String> = folders.chain(told.get("plugin_dir").map(str::to_owned)).collect();
    Err(format!(
        "the conflist calls {}, which is not in {}: no pod would start. Install it there (containernetworking-plugins, \
         kubernetes-cni), give the runtime's other folder of plugins as --plugin-dir, or take it out of the template",
        missing.join(", "),
        folders.join(", ")
    ))
}

#[cfg(test)]
mod tests;
