//! Edge: standard output and error.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use crate::args::Colour;
use crate::commands::{Outcome, Screen};
use crate::style;

/// Where the program speaks, and whether in colour.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    out: bool,
    err: bool,
}

impl Terminal {
    /// As asked for, by NO_COLOR, and by what the two streams are.
    pub fn new(asked: Colour, env: &BTreeMap<String, String>) -> Self {
        let no_color = env.get("NO_COLOR").map(String::as_str);
        Self {
            out: style::coloured(asked, no_color, stdout().is_terminal()),
            err: style::coloured(asked, no_color, stderr().is_terminal()),
        }
    }

    /// Says everything. A reader that went away (`| head`) is no failure of ours.
    pub fn tell(&mut self, outcome: &Outcome) {
        let out = match outcome.table && self.out {
            true => style::table(&outcome.out),
            false => outcome.out.clone(),
        };
        let _ = stdout().write_all(out.as_bytes());
        self.err(&outcome.complaints());
    }
}

impl Screen for Terminal {
    fn out(&mut self, text: &str) -> bool {
        let text = match self.out {
            true => style::table(text),
            false => text.to_owned(),
        };
        let mut stdout = stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .is_ok()
    }

    fn err(&mut self, text: &str) {
        let text = match self.err {
            true => style::complaints(text),
            false => text.to_owned(),
        };
        let _ = stderr().write_all(text.as_bytes());
    }
}
