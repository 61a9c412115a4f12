//! Manual pages: one for every command, which says what its help says.

use std::collections::BTreeMap;

use clap::{Command, CommandFactory as _};
use cnictl::args::Cli;

#[path = "../../examples/man/pages.rs"]
mod pages;

/// As a reader sees it: without roff's requests, fonts and escapes.
fn plain(page: &str) -> String {
    let text = page.replace(r"\-", "-").replace(r"\*(Aq", "'");
    ["\\fB", "\\fI", "\\fR", "\\&"]
        .iter()
        .fold(text, |text, escape| text.replace(escape, ""))
}

fn check(command: &Command, name: &str, pages: &mut BTreeMap<String, String>) {
    let page = pages.remove(&format!("{name}.1"));
    let page = page.unwrap_or_default();
    assert!(page.contains(&format!(".TH {name} 1 2026")), "{name}: {page}");
    let text = plain(&page);
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    assert!(
        !about.is_empty() && text.contains(&about),
        "{name}: {about:?} in {text}"
    );
    for flag in command.get_arguments().filter(|one| !one.is_hide_set()) {
        let help = flag
            .get_long_help()
            .or(flag.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        let long = flag
            .get_long()
            .map(|long| format!("--{long}"))
            .unwrap_or_default();
        assert!(
            text.contains(&long) && text.contains(&help),
            "{name}: {long} {help:?} in {text}"
        );
    }
    for sub in command.get_subcommands().filter(|one| one.get_name() != "help") {
        let below = format!("{name}-{}", sub.get_name());
        assert!(
            text.contains(&format!("{below}(1)")),
            "{name} names {below}: {text}"
        );
        check(sub, &below, pages);
    }
}

#[test]
fn every_command_has_a_page_with_all_of_its_help() {
    let mut pages: BTreeMap<_, _> = pages::pages("2026-11-29").unwrap().into_iter().collect();
    assert!(pages.len() > 25, "{:?}", pages.keys());
    let mut whole = Cli::command();
    whole.build();
    check(&whole, "cnictl", &mut pages);
    assert!(pages.is_empty(), "pages of nothing: {:?}", pages.keys());
}
