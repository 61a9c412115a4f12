//! Arguments, the file, and what is printed. `--key value` or `--key=value` for every key of the table.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "edge: reads the configuration file, prints"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::daemon;
use crate::settings::{self, KEYS, Settings};

/// Program, version and commit.
pub const VERSION: &str = concat!(
    "bgp-sidecar ",
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("MANX_COMMIT"),
    ")"
);

/// Read where nothing else is told and it exists.
const FILE: &str = "/etc/cni/manx/sidecar.yaml";

/// What to do instead of running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    /// Run.
    #[default]
    Run,
    /// Print what would be done.
    Check,
    /// Tell the running one to leave for good.
    Withdraw,
    Help,
    Version,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Words {
    order: Order,
    file: Option<PathBuf>,
    flags: BTreeMap<String, String>,
}

/// The whole program.
pub fn run(arguments: &[String], environment: &BTreeMap<String, String>) -> ExitCode {
    match obey(arguments, environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bgp-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}

fn obey(arguments: &[String], environment: &BTreeMap<String, String>) -> Result<(), String> {
    let words = words(arguments)?;
    match words.order {
        Order::Help => {
            println!("{}", help());
            return Ok(());
        }
        Order::Version => {
            println!("{VERSION}");
            return Ok(());
        }
        Order::Run | Order::Check | Order::Withdraw => {}
    }
    let document = document(words.file.as_deref())?;
    let (settings, warnings) = settings::load(&document, environment, &words.flags).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        lines.join("\nbgp-sidecar: ")
    })?;
    runtime(words.order, settings, &warnings)
}

fn runtime(order: Order, settings: Settings, warnings: &[String]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("tokio: {error}"))?;
    let local = tokio::task::LocalSet::new();
    let work = async move {
        match order {
            Order::Check => {
                println!("{}", daemon::check(&settings, warnings).await?);
                Ok(())
            }
            Order::Withdraw => daemon::withdraw(&settings).await,
            Order::Run | Order::Help | Order::Version => daemon::run(settings, warnings).await,
        }
    };
    local.block_on(&runtime, work)
}

fn words(arguments: &[String]) -> Result<Words, String> {
    let mut words = Words::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--check-config" => words.order = Order::Check,
            "--withdraw" => words.order = Order::Withdraw,
            "--help" | "-h" => words.order = Order::Help,
            "--version" | "-V" => words.order = Order::Version,
            other => {
                let Some(flag) = other.strip_prefix("--") else {
                    return Err(format!("{other:?} is no flag; see --help"));
                };
                let (name, value) = match flag.split_once('=') {
                    Some((name, value)) => (name, value.to_owned()),
                    None => {
                        let next = rest.next().ok_or(format!("--{flag} wants a value; see --help"))?;
                        (flag, next.clone())
                    }
                };
                if name == "config" {
                    words.file = Some(PathBuf::from(value));
                } else {
                    words.flags.insert(name.to_owned(), value);
                }
            }
        }
    }
    Ok(words)
}

/// The file as a document; the default one may be missing.
fn document(file: Option<&Path>) -> Result<Value, String> {
    let path = file.unwrap_or(Path::new(FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Value::Null);
        }
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn help() -> String {
    format!(
        "{VERSION}\n\nAnnounces this node's blocks by BGP and learns everyone else's.\n\n\
         Usage: bgp-sidecar [--config FILE] [--KEY VALUE]… [--check-config | --withdraw]\n\n  \
           --config FILE    YAML, {FILE} unless told\n  \
           --check-config   print what would be done, and do nothing\n  \
           --withdraw       tell the running one to leave for good: peers are told, routes removed\n  \
           --version, --help\n\n\
         {} keys, each in the file, as a flag and as variables:\n\n{}",
        KEYS.len(),
        settings::help()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Words, String> {
        let arguments: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        words(&arguments)
    }

    #[test]
    fn flags_are_written_both_ways_and_orders_have_no_value() {
        let words = of("--config /a --listen-port=1790 --nodename n1 --check-config").unwrap();
        assert_eq!(words.order, Order::Check);
        assert_eq!(words.file, Some(PathBuf::from("/a")));
        assert_eq!(words.flags["listen-port"], "1790");
        assert_eq!(words.flags["nodename"], "n1");
    }

    #[test]
    fn what_is_no_flag_and_a_flag_without_value_are_named() {
        assert!(of("serve").unwrap_err().contains("\"serve\""));
        assert!(of("--nodename").unwrap_err().contains("--nodename"));
    }
}
