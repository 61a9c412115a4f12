//! One line per event, on stderr and in a file; stdout belongs to the protocol.
//!
//! logfmt by default, JSON with `log_format: json`. The file is opened for append, 0600, and renamed to
//! `<path>.1` once it is larger than `log_file_max_size`. A log that cannot be written never fails a call.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: the clock of log lines, the log file"
)]

use std::cell::RefCell;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::cni::{Attachment, CniError, NetConf};

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only what failed.
    Error,
    /// And what a person should look at.
    Warning,
    /// And one line per call.
    #[default]
    Info,
    /// And every instruction.
    Debug,
}

impl Level {
    /// Calico's words; any other is `info`, as there.
    pub fn parse(word: &str) -> Level {
        match word.to_ascii_lowercase().as_str() {
            "debug" => Level::Debug,
            "warning" | "warn" => Level::Warning,
            "error" | "fatal" => Level::Error,
            _ => Level::Info,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// What to log and where.
#[derive(Clone, Debug, Default)]
pub struct LogConfig {
    /// The least important level told.
    pub level: Level,
    /// JSON lines instead of logfmt.
    pub json: bool,
    /// A file to append to, besides stderr.
    pub file: Option<PathBuf>,
    /// Megabytes after which the file is renamed; 0 is Calico's default, 100.
    pub max_size: u64,
}

impl LogConfig {
    /// Netconf's `log_level`, `log_format`, `log_file_path` and `log_file_max_size`.
    pub fn of(conf: &NetConf) -> Result<Self, CniError> {
        Ok(Self {
            level: conf
                .text("log_level")?
                .map_or(Level::Info, |word| Level::parse(&word)),
            json: conf.text("log_format")?.as_deref() == Some("json"),
            file: conf.path("log_file_path")?,
            max_size: conf.field("log_file_max_size")?.unwrap_or_default(),
        })
    }
}

/// What every line of a plugin's call carries.
pub fn fields(
    plugin: &'static str,
    verb: &'static str,
    conf: &NetConf,
    about: Option<&Attachment>,
) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("plugin", plugin.to_owned()),
        ("command", verb.to_owned()),
        ("network", conf.name.clone()),
    ];
    if let Some(attachment) = about {
        fields.push(("container", attachment.container_id.clone()));
        fields.push(("ifname", attachment.ifname.clone()));
        let argument = |key| attachment.args.get(key);
        if let (Some(namespace), Some(pod)) = (argument("K8S_POD_NAMESPACE"), argument("K8S_POD_NAME")) {
            fields.push(("pod", format!("{namespace}/{pod}")));
        }
    }
    fields
}

/// The log of one process: fields that every line carries, and where lines go.
#[derive(Debug, Default)]
pub struct Log {
    config: LogConfig,
    fields: Vec<(&'static str, String)>,
    file: RefCell<Option<File>>,
}

impl Log {
    /// A log whose every line carries `fields`.
    pub fn new(config: LogConfig, fields: Vec<(&'static str, String)>) -> Self {
        let file = config
            .file
            .as_deref()
            .and_then(|path| append(path, config.max_size));
        Self {
            config,
            fields,
            file: RefCell::new(file),
        }
    }

    /// Whether lines of this level are told.
    pub fn tells(&self, level: Level) -> bool {
        level <= self.config.level
    }

    /// Writes one line.
    pub fn line(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        if !self.tells(level) {
            return;
        }
        let own = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<(&str, &str)> = own.chain(fields.iter().copied()).collect();
        let time = jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            .to_string();
        let text = if self.config.json { json } else { logfmt }(&time, level, message, &all);
        let _ = std::io::stderr().write_all(text.as_bytes());
        if let Some(file) = self.file.borrow_mut().as_mut() {
            let _ = file.write_all(text.as_bytes());
        }
    }

    /// `info`.
    pub fn info(&self, message: &str, fields: &[(&str, &str)]) {
        self.line(Level::Info, message, fields);
    }

    /// `warning`.
    pub fn warning(&self, message: &str, fields: &[(&str, &str)]) {
        self.line(Level::Warning, message, fields);
    }

    /// `error`.
    pub fn error(&self, message: &str, fields: &[(&str, &str)]) {
        self.line(Level::Error, message, fields);
    }

    /// `debug`.
    pub fn debug(&self, message: &str, fields: &[(&str, &str)]) {
        self.line(Level::Debug, message, fields);
    }
}

fn append(path: &Path, max_size: u64) -> Option<File> {
    let megabytes = if max_size == 0 { 100 } else { max_size };
    if std::fs::metadata(path).is_ok_and(|file| file.len() > megabytes.saturating_mul(1_000_000)) {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        let _ = std::fs::rename(path, old);
    }
    let directory = path.parent()?;
    let _ = DirBuilder::new().recursive(true).mode(0o755).create(directory);
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .ok()
}

fn logfmt(time: &str, level: Level, message: &str, fields: &[(&str, &str)]) -> String {
    let mut line = format!("time={time} level={} msg={}", level.word(), quoted(message));
    for (name, value) in fields {
        line.push_str(&format!(" {name}={}", quoted(value)));
    }
    line + "\n"
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    Value::from(value).to_string()
}

fn json(time: &str, level: Level, message: &str, fields: &[(&str, &str)]) -> String {
    let mut line: Map<String, Value> = Map::new();
    for (name, value) in [("time", time), ("level", level.word()), ("msg", message)]
        .iter()
        .chain(fields)
    {
        line.insert((*name).to_owned(), Value::from(*value));
    }
    Value::from(line).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_spaces_or_newlines_stays_on_one_line() {
        let line = logfmt(
            "t",
            Level::Info,
            "two words",
            &[("pod", "default/web"), ("error", "a\n\"b\"")],
        );
        assert_eq!(
            line,
            "time=t level=info msg=\"two words\" pod=default/web error=\"a\\n\\\"b\\\"\"\n"
        );
        let line = json("t", Level::Error, "m", &[("k", "v\n")]);
        assert_eq!(
            line,
            "{\"time\":\"t\",\"level\":\"error\",\"msg\":\"m\",\"k\":\"v\\n\"}\n"
        );
    }

    #[test]
    fn the_file_is_appended_to_and_renamed_when_it_is_too_large() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("logs/cni.log");
        let config = LogConfig {
            file: Some(path.clone()),
            max_size: 1,
            ..LogConfig::default()
        };
        Log::new(config.clone(), vec![("command", "ADD".to_owned())]).info("first", &[]);
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(first.ends_with("level=info msg=first command=ADD\n"), "{first}");
        std::fs::write(&path, vec![b'x'; 1_000_001]).unwrap();
        Log::new(config, Vec::new()).info("second", &[]);
        assert_eq!(
            std::fs::read(root.path().join("logs/cni.log.1")).unwrap().len(),
            1_000_001
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }
}
