//! The network configuration: what the runtime writes to stdin.
//!
//! JSON `null` is absent for every field. Fields that only one plugin knows are read by [`NetConf::field`];
//! the rest of the document stays as it came. Not here: what any of those fields mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::{CniError, Code};
use super::version::{SpecVersion, spoken};

const ATTACHMENTS: &str = "cni.dev/valid-attachments";

/// A network configuration with its common fields checked.
#[derive(Clone)]
pub struct NetConf {
    /// The version that the answer must be written in.
    pub cni_version: SpecVersion,
    /// The network's name.
    pub name: String,
    /// `type`: the plugin's file name as the runtime looked it up; empty where absent.
    pub kind: String,
    /// The previous plugin's result, byte for byte.
    pub prev_result: Option<Box<RawValue>>,
    /// `runtimeConfig`.
    pub runtime: RuntimeConfig,
    /// GC: what is still in use. `None` (key absent) says nothing; an empty list says that nothing is.
    pub valid_attachments: Option<Vec<ValidAttachment>>,
    raw: Map<String, Value>,
    stdin: Vec<u8>,
}

/// `runtimeConfig`: what capabilities brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuntimeConfig {
    /// `ips`: wanted addresses, as written.
    pub ips: Vec<String>,
    /// `mac`: the wanted hardware address, as written.
    pub mac: Option<String>,
    /// All of it.
    pub raw: Map<String, Value>,
}

/// One attachment that the runtime still knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct ValidAttachment {
    /// `containerID`.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// `ifname`.
    pub ifname: String,
}

impl NetConf {
    /// Reads a configuration; what is common to all plugins is checked here.
    pub fn parse(stdin: &[u8]) -> Result<Self, CniError> {
        Self::from_document(document(stdin)?, stdin)
    }

    pub(super) fn from_document(raw: Map<String, Value>, stdin: &[u8]) -> Result<Self, CniError> {
        let cni_version = SpecVersion::declared(&raw)?.ok_or_else(|| {
            CniError::new(Code::IncompatibleVersion, "cniVersion is missing")
                .details(format!("supported versions are {}", spoken()))
        })?;
        for key in ["ipam", "dns", "args", "prevResult"] {
            read::<Map<String, Value>>(&raw, key)?;
        }
        read::<BTreeMap<String, Option<bool>>>(&raw, "capabilities")?;
        Ok(Self {
            cni_version,
            name: network_name(&raw)?,
            kind: read::<String>(&raw, "type")?.unwrap_or_default(),
            prev_result: prev_result(&raw, stdin)?,
            runtime: runtime_config(&raw)?,
            valid_attachments: valid_attachments(&raw)?,
            raw,
            stdin: stdin.to_vec(),
        })
    }

    /// The field at a dotted path (`"ipam.type"`); null is absent, `""` is a value, another type is an error.
    pub fn field<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CniError> {
        read(&self.raw, path)
    }

    /// The text at a dotted path; `""` is absent, as in Calico.
    pub fn text(&self, path: &str) -> Result<Option<String>, CniError> {
        Ok(self.field::<String>(path)?.filter(|text| !text.is_empty()))
    }

    /// The absolute path of a file or folder at a dotted path: a relative one would depend on where the caller stands.
    pub fn path(&self, path: &str) -> Result<Option<PathBuf>, CniError> {
        let found = self.text(path)?.map(PathBuf::from);
        match found {
            Some(relative) if !relative.is_absolute() => {
                let shown = Value::String(relative.display().to_string());
                Err(wrong(path, &shown, "give an absolute path"))
            }
            found => Ok(found),
        }
    }

    /// The whole document.
    pub fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }

    /// The bytes that were received, for a plugin that is delegated to.
    pub fn to_stdin(&self) -> Vec<u8> {
        self.stdin.clone()
    }
}

impl fmt::Debug for NetConf {
    /// Without the document, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConf")
            .field("cni_version", &self.cni_version)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Stdin as a JSON object, nothing in it checked yet.
pub(super) fn document(stdin: &[u8]) -> Result<Map<String, Value>, CniError> {
    if stdin.trim_ascii().is_empty() {
        let msg = "no network configuration on stdin; a runtime writes it there";
        return Err(CniError::new(Code::DecodeFailure, msg));
    }
    let value = serde_json::from_slice(stdin).map_err(|error| {
        CniError::new(
            Code::DecodeFailure,
            format!("network configuration on stdin: {error}"),
        )
    })?;
    match value {
        Value::Object(object) => Ok(object),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(CniError::new(
                Code::InvalidConfig,
                format!(
                    "network configuration on stdin: {} is not an object",
                    shown(&other)
                ),
            ))
        }
    }
}

fn read<T: DeserializeOwned>(object: &Map<String, Value>, path: &str) -> Result<Option<T>, CniError> {
    match lookup(object, path)? {
        None => Ok(None),
        Some(value) => T::deserialize(value)
            .map(Some)
            .map_err(|error| wrong(path, value, &error.to_string())),
    }
}

fn lookup<'a>(object: &'a Map<String, Value>, path: &str) -> Result<Option<&'a Value>, CniError> {
    let (mut object, mut end) = (object, 0);
    for part in path.split('.') {
        let last = end + part.len() == path.len();
        end += part.len();
        match object.get(part) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) if last => return Ok(Some(value)),
            Some(Value::Object(inner)) => object = inner,
            Some(other) => {
                return Err(wrong(
                    path.get(..end).unwrap_or(path),
                    other,
                    "expected an object",
                ));
            }
        }
        end += 1;
    }
    Ok(None)
}

fn wrong(path: &str, value: &Value, why: &str) -> CniError {
    let field = path.to_ascii_lowercase();
    let secret = field.contains("password") || field.contains("token");
    let problem = if secret {
        "wrong type (the value is a secret and not shown)".into()
    } else {
        format!("{}: {}", shown(value), without_text(why))
    };
    CniError::new(
        Code::InvalidConfig,
        format!("network configuration: {path}: {problem}"),
    )
}

/// serde's words about something inside a list or an object, without the text it found there.
fn without_text(why: &str) -> String {
    let ends = why.find("string \"").zip(why.rfind("\", expected"));
    let cut = ends.and_then(|(from, to)| Some((why.get(..from + "string".len())?, why.get(to + 1..)?)));
    cut.map_or_else(|| why.to_owned(), |(before, after)| format!("{before}{after}"))
}

/// A value, short enough for a message; a list or an object may hold a secret and is not shown.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// Calico's rule, wider than the specification's: the first character may be any of the allowed ones.
fn network_name(raw: &Map<String, Value>) -> Result<String, CniError> {
    let name = read::<String>(raw, "name")?.unwrap_or_default();
    if name.is_empty() {
        return Err(CniError::new(
            Code::InvalidConfig,
            "network configuration: name is missing",
        ));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !name.chars().all(allowed) {
        let why = "letters, digits, '_', '.' and '-' are allowed";
        return Err(wrong("name", &Value::String(name), why));
    }
    Ok(name)
}

/// `prevResult` as it was written: parsing and printing it again would lose what we do not know.
fn prev_result(raw: &Map<String, Value>, stdin: &[u8]) -> Result<Option<Box<RawValue>>, CniError> {
    if matches!(raw.get("prevResult"), None | Some(Value::Null)) {
        return Ok(None);
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(stdin)
        .map_err(|error| CniError::new(Code::DecodeFailure, format!("prevResult: {error}")))?;
    Ok(fields.get("prevResult").map(|value| (*value).to_owned()))
}

fn runtime_config(raw: &Map<String, Value>) -> Result<RuntimeConfig, CniError> {
    Ok(RuntimeConfig {
        ips: read(raw, "runtimeConfig.ips")?.unwrap_or_default(),
        mac: read::<String>(raw, "runtimeConfig.mac")?.filter(|mac| !mac.is_empty()),
        raw: read(raw, "runtimeConfig")?.unwrap_or_default(),
    })
}

/// Whatever is missing from this list is freed, so a list that cannot be read in full is refused in full.
fn valid_attachments(raw: &Map<String, Value>) -> Result<Option<Vec<ValidAttachment>>, CniError> {
    let Some(value) = raw.get(ATTACHMENTS) else {
        return Ok(None);
    };
    let list = Option::<Vec<ValidAttachment>>::deserialize(value)
        .map_err(|error| wrong(ATTACHMENTS, value, &error.to_string()))?
        .unwrap_or_default();
    // serde takes a list for a struct as well.
    let objects = value
        .as_array()
        .is_none_or(|list| list.iter().all(Value::is_object));
    let named = |entry: &ValidAttachment| !entry.container_id.is_empty() && !entry.ifname.is_empty();
    if !objects || !list.iter().all(named) {
        let why = "every entry is an object with containerID and ifname";
        return Err(wrong(ATTACHMENTS, value, why));
    }
    Ok(Some(list))
}

#[cfg(test)]
mod tests;
