//! The program's only contact with the process: arguments, environment, time, randomness, output, exit code.
#![expect(clippy::disallowed_methods, reason = "edge: clock and UUIDs enter here")]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use cnictl::commands::{Birth, Outcome};
use cnictl::{args::Cli, cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let env = std::env::vars_os()
        .map(|(name, value)| (lossy(name), lossy(value)))
        .collect();
    let birth = Birth {
        now: jiff::Timestamp::now(),
        uid: || uuid::Uuid::new_v4().to_string(),
    };
    let outcome = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli::run(cli, &env, birth)),
        Err(error) => Outcome::failed(format!("tokio: {error}")),
    };
    // A reader that went away (`| head`) is no failure of ours.
    let _ = std::io::stdout().write_all(outcome.out.as_bytes());
    let _ = std::io::stderr().write_all(outcome.complaints().as_bytes());
    if outcome.error.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
