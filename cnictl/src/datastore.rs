//! Which datastore this call means, and the opening of it.
//!
//! Flags and `MANX_…` variables come first, then `CALICO_…` and `ETCD_…`, then the file of `--config`, then the network
//! configuration this node's plugins go by: whoever comes first names the datastore, and what he leaves open of how it is
//! reached the next ones may say. The conflist is only asked for a datastore when nobody before it names one. Where nobody
//! at all names one, the embedded store is meant if there is one; none is made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use shared::store::config::{self, Choice, Dirs, EtcdConfig};
use shared::store::open::{Store, is_there, open, used_etcd};

use crate::args::Datastore;
use crate::input;

pub mod conflist;
mod file;
pub mod place;

/// Where settings are, unless told.
const FILE: &str = "/etc/cni/manx/cnictl.yaml";
/// Where conflists are, unless told.
const NETWORKS: &str = "/etc/cni/net.d";

/// What names a datastore; whoever has one of them has named it.
const NAMES: [&str; 3] = ["datastore_type", "etcd_endpoints", "etcd_discovery_srv"];
/// How it is reached, and where this node keeps things.
const MEANS: [&str; 7] = [
    "etcd_key_file",
    "etcd_cert_file",
    "etcd_ca_cert_file",
    "etcd_username",
    "etcd_password",
    "state_dir",
    "run_dir",
];

/// The datastore that was chosen.
#[derive(Debug)]
pub struct Chosen {
    choice: Choice,
    /// Who chose it, in words.
    pub source: String,
    /// Whether somebody said which it is.
    told: bool,
    /// Where nothing was said, in words.
    looked: String,
    /// What is odd about how it was chosen.
    pub warnings: Vec<String>,
}

impl Chosen {
    /// Opens it; `limit` is for the whole call. A store that is not there is made for a command that `makes` one, and only
    /// where somebody told which.
    pub fn open(&self, limit: Duration, makes: bool) -> Result<Store, String> {
        let may = makes && self.told;
        if let Choice::Embedded(config) = &self.choice
            && !may
            && !is_there(&self.choice)
        {
            return Err(self.missing(&config.path));
        }
        open(&self.choice, limit).map_err(|error| error.to_string())
    }

    /// Whether it would be made by the first command that may.
    pub fn is_yet_to_be_made(&self) -> bool {
        self.told && !is_there(&self.choice)
    }

    fn missing(&self, path: &Path) -> String {
        let (path, source) = (path.display(), &self.source);
        match self.told {
            true => format!(
                "there is no embedded store in {path} yet ({source}): cnictl apply -f makes it, and so does a pod's start"
            ),
            false => format!(
                "nothing says where the datastore is: {}, and there is no embedded store in {path}. Name etcd by \
                 --etcd-endpoints; or, for a node that keeps addresses of its own, run cnictl install, or give \
                 --datastore-type embedded",
                self.looked
            ),
        }
    }

    /// How etcd is reached, where it is etcd.
    pub fn etcd(&self) -> Option<&EtcdConfig> {
        match &self.choice {
            Choice::Etcd(etcd) => Some(etcd),
            Choice::Embedded(_) => None,
        }
    }
}

/// Where conflists are.
pub fn networks(flags: &Datastore, env: &BTreeMap<String, String>) -> PathBuf {
    setting(&flags.cni_conf_dir, env, "MANX_CNI_CONF_DIR")
        .unwrap_or(NETWORKS)
        .into()
}

/// Chooses; dials nobody.
pub fn choose(flags: &Datastore, env: &BTreeMap<String, String>) -> Result<Chosen, String> {
    let (settings, source) = settings(flags, env)?;
    let told = source.is_some();
    let dirs = Dirs::from(&settings, env).map_err(|error| error.to_string())?;
    let (choice, warnings) =
        config::choose(&settings, env, used_etcd(&dirs)).map_err(|error| error.to_string())?;
    Ok(Chosen {
        choice: unmarked(choice),
        source: source.unwrap_or_else(|| "nothing points elsewhere".to_owned()),
        told,
        looked: looked(flags, env),
        warnings: warnings.iter().map(ToString::to_string).collect(),
    })
}

/// The plugins' network configuration, as everybody together would write it, and who named the datastore.
fn settings(
    flags: &Datastore,
    env: &BTreeMap<String, String>,
) -> Result<(Map<String, Value>, Option<String>), String> {
    let mut settings = told(flags, env);
    let mut source = named(&settings).then(|| "the command line, or a MANX_ variable".to_owned());
    if source.is_none() && NAMES.iter().any(|field| variable(env, field).is_some()) {
        source = Some("the environment".to_owned());
    }
    let path = file(flags, env);
    match input::optional(Path::new(path))? {
        Some(text) => {
            let said = file::read(path, &text)?;
            let names = named(&said) && source.is_none();
            beneath(&mut settings, &said, env, names);
            source = source.or(names.then(|| path.to_owned()));
        }
        None if path != FILE => return Err(format!("{path}: there is no such file (--config)")),
        None => {}
    }
    if source.is_none()
        && let Some((origin, plugin)) = conflist::ours(&input::networks(&networks(flags, env)))
    {
        beneath(&mut settings, &plugin, env, true);
        // What else points to a datastore there does so for the plugins, too.
        for section in ["kubernetes", "policy"] {
            if let Some(value) = plugin.get(section) {
                settings.entry(section).or_insert_with(|| value.clone());
            }
        }
        source = Some(origin);
    }
    Ok((settings, source))
}

/// Where settings are.
fn file<'a>(flags: &'a Datastore, env: &'a BTreeMap<String, String>) -> &'a str {
    setting(&flags.config, env, "MANX_CONFIG").unwrap_or(FILE)
}

fn looked(flags: &Datastore, env: &BTreeMap<String, String>) -> String {
    format!(
        "neither --etcd-endpoints or --datastore-type, nor a MANX_, CALICO_ or ETCD_ variable such as ETCD_ENDPOINTS, nor \
         {} (--config), nor a network configuration of ours in {} (--cni-conf-dir)",
        file(flags, env),
        networks(flags, env).display()
    )
}

/// The flags and their variables.
fn told(flags: &Datastore, env: &BTreeMap<String, String>) -> Map<String, Value> {
    let fields = [
        ("datastore_type", &flags.datastore_type),
        ("etcd_endpoints", &flags.etcd_endpoints),
        ("etcd_key_file", &flags.etcd_key_file),
        ("etcd_cert_file", &flags.etcd_cert_file),
        ("etcd_ca_cert_file", &flags.etcd_ca_cert_file),
        ("state_dir", &flags.state_dir),
        ("run_dir", &flags.run_dir),
    ];
    let mut settings = Map::new();
    for (field, flag) in fields {
        if let Some(value) = setting(flag, env, &format!("MANX_{}", field.to_uppercase())) {
            settings.insert(field.to_owned(), Value::from(value));
        }
    }
    settings
}

fn setting<'a>(flag: &'a Option<String>, env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let variable = env.get(name).filter(|value| !value.trim().is_empty());
    flag.as_ref().or(variable).map(String::as_str)
}

/// Calico's variable for a field.
fn variable<'a>(env: &'a BTreeMap<String, String>, field: &str) -> Option<&'a str> {
    let name = field.to_uppercase();
    let value = env
        .get(&format!("CALICO_{name}"))
        .or_else(|| env.get(&name))?
        .trim();
    (!value.is_empty()).then_some(value)
}

fn named(settings: &Map<String, Value>) -> bool {
    NAMES.iter().any(|field| settings.contains_key(*field))
}

/// Adds what somebody says whom others come before.
fn beneath(
    settings: &mut Map<String, Value>,
    said: &Map<String, Value>,
    env: &BTreeMap<String, String>,
    names: bool,
) {
    let fields = NAMES.iter().filter(|_| names).chain(&MEANS);
    for field in fields {
        let open = !settings.contains_key(*field) && variable(env, field).is_none();
        if let (Some(value), true) = (said.get(*field), open) {
            settings.insert((*field).to_owned(), value.clone());
        }
    }
}

/// A look at an etcd from any machine does not make that machine a node of it.
fn unmarked(choice: Choice) -> Choice {
    match choice {
        Choice::Etcd(mut config) => {
            config.marker = None;
            Choice::Etcd(config)
        }
        Choice::Embedded(config) => Choice::Embedded(config),
    }
}

#[cfg(test)]
mod tests;
