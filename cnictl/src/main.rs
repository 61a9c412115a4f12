//! The program's only contact with the process: arguments, environment, time, randomness, output, exit code.
#![expect(clippy::disallowed_methods, reason = "edge: clock and UUIDs enter here")]

use std::process::ExitCode;

use clap::Parser;
use cnictl::commands::{Birth, Outcome};
use cnictl::terminal::Terminal;
use cnictl::{args::Cli, cli};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            let _ = told.print();
            // calicoctl's code for a line that is none; help is none of those.
            return ExitCode::from(u8::from(told.use_stderr()));
        }
    };
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let env = std::env::vars_os()
        .map(|(name, value)| (lossy(name), lossy(value)))
        .collect();
    let birth = Birth {
        now: jiff::Timestamp::now(),
        uid: || uuid::Uuid::new_v4().to_string(),
    };
    let mut terminal = Terminal::new(cli.color, &env);
    let outcome = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli::run(cli, &env, birth, &mut terminal)),
        Err(error) => Outcome::failed(format!("tokio: {error}")),
    };
    terminal.tell(&outcome);
    ExitCode::from(match outcome.error {
        Some(_) => 1,
        None => outcome.code,
    })
}
