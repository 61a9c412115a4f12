//! Colours, laid over text that is laid out already. Pure: whether there are any is decided in `main`.

use crate::args::Colour;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// Cells that say how something is, and the colour for it.
const STATES: [(&str, &str); 9] = [
    ("up", GREEN),
    ("start", YELLOW),
    ("down", RED),
    ("confirmed", GREEN),
    ("pending", YELLOW),
    ("pendingDeletion", YELLOW),
    ("ADDED", GREEN),
    ("MODIFIED", YELLOW),
    ("DELETED", RED),
];

/// Whether output is coloured. `no_color`: what NO_COLOR holds (https://no-color.org: anything but nothing counts).
pub fn coloured(asked: Colour, no_color: Option<&str>, terminal: bool) -> bool {
    match asked {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => terminal && no_color.is_none_or(str::is_empty),
    }
}

/// A table with its titles set off, and states in colour.
pub fn table(text: &str) -> String {
    let mut titles = true;
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let rule = line.starts_with('+');
        // Titles stand first, after an empty line, and between the first two rules of a box.
        if titles && !rule && !line.trim().is_empty() && is_titles(line) {
            out.push_str(&format!("{BOLD}{}{PLAIN}\n", line.trim_end_matches('\n')));
            titles = false;
            continue;
        }
        titles = titles && rule || line.trim().is_empty();
        out.push_str(&states(line));
    }
    out
}

fn is_titles(line: &str) -> bool {
    line.chars().all(|letter| !letter.is_lowercase())
}

/// Whole words only: a cell, not a part of one.
fn states(line: &str) -> String {
    let mut out = String::new();
    for word in line.split_inclusive(' ') {
        let bare = word.trim_end();
        match STATES.iter().find(|(state, _)| *state == bare) {
            Some((_, colour)) => out.push_str(&format!("{colour}{bare}{PLAIN}{}", &word[bare.len()..])),
            None => out.push_str(word),
        }
    }
    out
}

/// What is said on stderr, its first word in colour.
pub fn complaints(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let words = [("Warning:", YELLOW), ("Error:", RED)];
        match words.into_iter().find(|(word, _)| line.starts_with(word)) {
            Some((word, colour)) => out.push_str(&format!("{colour}{word}{PLAIN}{}", &line[word.len()..])),
            None => out.push_str(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_colours_unless_somebody_says_no() {
        assert!(coloured(Colour::Auto, None, true));
        assert!(coloured(Colour::Auto, Some(""), true));
        assert!(!coloured(Colour::Auto, Some("0"), true));
        assert!(!coloured(Colour::Auto, None, false));
        assert!(coloured(Colour::Always, Some("1"), false));
        assert!(!coloured(Colour::Never, None, true));
    }

    #[test]
    fn titles_and_states_stand_out_and_nothing_else_changes() {
        let grid = "NAME   STATE   \na-up   pending   \n\n";
        let painted = table(grid);
        assert_eq!(
            painted,
            "\x1b[1mNAME   STATE   \x1b[0m\na-up   \x1b[33mpending\x1b[0m   \n\n"
        );
        let boxed = "+---+\n| A |\n+---+\n| B |\n+---+\n";
        assert_eq!(table(boxed), "+---+\n\x1b[1m| A |\x1b[0m\n+---+\n| B |\n+---+\n");
        let plain = |text: &str| {
            [BOLD, RED, GREEN, YELLOW, PLAIN]
                .iter()
                .fold(text.to_owned(), |text, code| text.replace(code, ""))
        };
        assert_eq!(plain(&painted), grid);
        assert_eq!(
            complaints("Error: a Error: b\n"),
            "\x1b[31mError:\x1b[0m a Error: b\n"
        );
    }
}
