//! One call of the runtime: environment and stdin, checked, as a [`Request`]. Pure.
//!
//! CNI SPEC §2. *Not implemented*: the about text without CNI_COMMAND (a missing command is an error object).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::config::{self, NetConf};
use super::error::{CniError, Code};
use super::version::SpecVersion;

/// The longest interface name the kernel takes (IFNAMSIZ - 1).
const IFNAME_LONGEST: usize = 15;

/// The whole environment, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env(pub BTreeMap<String, String>);

impl Env {
    /// The environment of this process; what is not UTF-8 is replaced.
    pub fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        Self(
            std::env::vars_os()
                .map(|(key, value)| (text(key), text(value)))
                .collect(),
        )
    }

    /// A variable; an empty one is absent.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Every variable.
    pub fn vars(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// Which container's which interface a call is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `CNI_CONTAINERID`.
    pub container_id: String,
    /// `CNI_NETNS`; `None` where it is empty or absent.
    pub netns: Option<PathBuf>,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_ARGS`.
    pub args: Args,
    /// `CNI_PATH`.
    pub path: Vec<PathBuf>,
}

/// `CNI_ARGS`: pairs `K=V` separated by `;`. Keys that nobody asks for are never an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    raw: String,
}

impl Args {
    /// Reads the variable; a pair without a key or without `=` is malformed.
    pub fn parse(raw: &str) -> Result<Self, CniError> {
        for pair in raw.strip_suffix(';').unwrap_or(raw).split(';') {
            let malformed = !raw.is_empty() && pair.split_once('=').is_none_or(|(key, _)| key.is_empty());
            if malformed {
                return Err(CniError::new(
                    Code::InvalidEnvironment,
                    format!("CNI_ARGS: {pair:?} is not of the form KEY=VALUE"),
                )
                .details(format!("CNI_ARGS is {raw:?}")));
            }
        }
        Ok(Self { raw: raw.into() })
    }

    /// The value of a key; the last one where it is given twice.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut pairs = self.raw.rsplit(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// As received.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// These arguments with one pair `K=V` instead of any of that key.
    pub fn with(&self, pair: &str) -> Self {
        let key = |pair: &str| pair.split('=').next().map(str::to_owned);
        let kept = self
            .raw
            .split(';')
            .filter(|other| !other.is_empty() && key(other) != key(pair));
        Self {
            raw: kept.chain([pair]).collect::<Vec<_>>().join(";"),
        }
    }
}

/// What the runtime wants.
#[derive(Clone, Debug)]
pub enum Request {
    /// Attach an interface.
    Add(Attachment, NetConf),
    /// Take it away.
    Del(Attachment, NetConf),
    /// Is it as it was built?
    Check(Attachment, NetConf),
    /// Free what no valid attachment uses (`CNI_PATH`, configuration).
    Gc(Vec<PathBuf>, NetConf),
    /// Could ADD be served (`CNI_PATH`, configuration)?
    Status(Vec<PathBuf>, NetConf),
    /// Which versions are spoken; answered in this one.
    Version(SpecVersion),
}

/// A request that cannot be carried out, and the version to say so in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The request's version, as far as it could be learned.
    pub version: SpecVersion,
    /// Why.
    pub error: CniError,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Del,
    Check,
    Gc,
    Status,
    Version,
}

/// Reads a call. `uses_netns`: ADD and CHECK of this plugin need `CNI_NETNS`.
pub fn parse(env: &Env, stdin: &[u8], uses_netns: bool) -> Result<Request, Refused> {
    let document = config::document(stdin);
    let version = document
        .as_ref()
        .ok()
        .and_then(|document| SpecVersion::declared(document).ok().flatten());
    read(env, stdin, document, uses_netns).map_err(|error| Refused {
        version: version.unwrap_or(SpecVersion::UNKNOWN),
        error,
    })
}

fn read(
    env: &Env,
    stdin: &[u8],
    document: Result<serde_json::Map<String, serde_json::Value>, CniError>,
    uses_netns: bool,
) -> Result<Request, CniError> {
    let verb = verb(env)?;
    let attachment = match verb {
        Verb::Add | Verb::Check => attachment(env, uses_netns)?,
        Verb::Del => attachment(env, false)?,
        Verb::Gc | Verb::Status | Verb::Version => Attachment::default(),
    };
    if verb == Verb::Version {
        return version(stdin, document).map(Request::Version);
    }
    let conf = NetConf::from_document(document?, stdin)?;
    allowed(verb, conf.cni_version)?;
    Ok(match verb {
        Verb::Add => Request::Add(attachment, conf),
        Verb::Del => Request::Del(attachment, conf),
        Verb::Check => Request::Check(attachment, conf),
        Verb::Gc => Request::Gc(search_path(env), conf),
        Verb::Status => Request::Status(search_path(env), conf),
        Verb::Version => Request::Version(conf.cni_version),
    })
}

fn verb(env: &Env) -> Result<Verb, CniError> {
    let problem = match env.get("CNI_COMMAND") {
        Some("ADD") => return Ok(Verb::Add),
        Some("DEL") => return Ok(Verb::Del),
        Some("CHECK") => return Ok(Verb::Check),
        Some("GC") => return Ok(Verb::Gc),
        Some("STATUS") => return Ok(Verb::Status),
        Some("VERSION") => return Ok(Verb::Version),
        Some(other) => format!("CNI_COMMAND: {other:?} is unknown"),
        None => "CNI_COMMAND is missing".into(),
    };
    Err(CniError::new(Code::InvalidEnvironment, problem)
        .details("it is one of ADD, DEL, CHECK, GC, STATUS, VERSION"))
}

/// A runtime asks for versions to learn them, so one that is missing or unknown here gets an answer.
fn version(
    stdin: &[u8],
    document: Result<serde_json::Map<String, serde_json::Value>, CniError>,
) -> Result<SpecVersion, CniError> {
    if stdin.trim_ascii().is_empty() {
        return Ok(SpecVersion::CURRENT);
    }
    match SpecVersion::declared(&document?) {
        Ok(version) => Ok(version.unwrap_or(SpecVersion::CURRENT)),
        Err(error) if error.code == Code::IncompatibleVersion => Ok(SpecVersion::CURRENT),
        Err(error) => Err(error),
    }
}

fn allowed(verb: Verb, version: SpecVersion) -> Result<(), CniError> {
    let (name, since) = match verb {
        Verb::Check => ("CHECK", SpecVersion::V0_4_0),
        Verb::Gc => ("GC", SpecVersion::V1_1_0),
        Verb::Status => ("STATUS", SpecVersion::V1_1_0),
        Verb::Add | Verb::Del | Verb::Version => return Ok(()),
    };
    if version >= since {
        return Ok(());
    }
    let msg = format!("config version does not allow {name}: cniVersion is {version}, {name} needs {since}");
    Err(CniError::new(Code::IncompatibleVersion, msg))
}

fn attachment(env: &Env, needs_netns: bool) -> Result<Attachment, CniError> {
    let required = [
        ("CNI_CONTAINERID", true),
        ("CNI_IFNAME", true),
        ("CNI_NETNS", needs_netns),
    ];
    let missing: Vec<&str> = required
        .into_iter()
        .filter(|(key, needed)| *needed && env.get(key).is_none())
        .map(|(key, _)| key)
        .collect();
    if !missing.is_empty() {
        let msg = format!("required variables are missing: {}", missing.join(", "));
        return Err(CniError::new(Code::InvalidEnvironment, msg));
    }
    let text = |key| env.get(key).unwrap_or_default().to_owned();
    Ok(Attachment {
        container_id: container_id(text("CNI_CONTAINERID"))?,
        netns: env.get("CNI_NETNS").map(PathBuf::from),
        ifname: ifname(text("CNI_IFNAME"))?,
        args: Args::parse(&text("CNI_ARGS"))?,
        path: search_path(env),
    })
}

fn container_id(id: String) -> Result<String, CniError> {
    let starts = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && id.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Ok(id);
    }
    let why = "a letter or digit, then letters, digits, '_', '.' and '-'";
    Err(invalid("CNI_CONTAINERID", &id, why))
}

fn ifname(name: String) -> Result<String, CniError> {
    // '%' is no rule of the specification: the kernel takes `eth%d` as a pattern and makes up another name.
    let unusable = |c: char| matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control();
    if name.len() > IFNAME_LONGEST {
        return Err(invalid("CNI_IFNAME", &name, "at most 15 bytes"));
    }
    if name == "." || name == ".." || name.contains(unusable) {
        return Err(invalid(
            "CNI_IFNAME",
            &name,
            "not '.' or '..', no '/', ':', '%' and no whitespace",
        ));
    }
    Ok(name)
}

fn invalid(key: &str, value: &str, rule: &str) -> CniError {
    CniError::new(
        Code::InvalidEnvironment,
        format!("{key}: {value:?} is invalid; allowed: {rule}"),
    )
}

fn search_path(env: &Env) -> Vec<PathBuf> {
    let path = env.get("CNI_PATH").unwrap_or_default();
    path.split(':')
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests;
