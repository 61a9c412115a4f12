//! What is told, and what is read from files.

use std::collections::BTreeMap;
use std::path::Path;

use shared::log::{Level, Log, LogConfig};

use crate::settings::{LogLevel, Settings};

/// The log of a node at this level.
pub(super) fn log(settings: &Settings, node: &str, level: LogLevel) -> Log {
    let level = match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warning => Level::Warning,
        LogLevel::Info => Level::Info,
        LogLevel::Debug | LogLevel::Trace => Level::Debug,
    };
    let config = LogConfig {
        level,
        json: settings.log_json,
        ..LogConfig::default()
    };
    Log::new(config, vec![("node", node.to_owned())])
}

/// The values of secrets' keys, by the names of both.
pub(super) type Secrets = BTreeMap<(String, String), Vec<u8>>;

/// A file below a directory, without the line's end.
pub(super) fn secret(path: &Path) -> Option<Vec<u8>> {
    #[expect(clippy::disallowed_methods, reason = "edge: a mounted Secret")]
    let mut value = std::fs::read(path).ok()?;
    while value.last().is_some_and(|octet| matches!(octet, b'\n' | b'\r')) {
        value.pop();
    }
    Some(value)
}
