//! Manual pages, from the command lines' own descriptions. Pure.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use cnictl::args::Cli;

/// A page of section 1, of this day, for cnictl and for each of its commands: the file's name, and its text.
///
/// # Errors
/// A page that cannot be written to memory.
pub(crate) fn pages(date: &str) -> std::io::Result<Vec<(String, String)>> {
    // `cnictl help get` is `cnictl get --help`, and no page of its own.
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let mut pages = Vec::new();
    collect(&whole, date, &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, date: &str, pages: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let man = Man::new(command.clone())
        .date(date)
        .source(concat!("manx ", env!("CARGO_PKG_VERSION")))
        .manual("Manx");
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push((man.get_filename(), String::from_utf8_lossy(&text).into_owned()));
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    shown.into_iter().try_for_each(|one| collect(one, date, pages))
}
