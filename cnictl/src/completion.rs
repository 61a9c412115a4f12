//! Completion scripts, from the command line's own description. Pure.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Cli;

/// The script of a shell.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "cnictl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_verbs_and_flags_and_two_complete_kinds() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for word in ["describe", "decommission", "dry-run"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
            // clap's script for fish offers no values of words without a flag.
            assert_eq!(script.contains("bgppeer"), shell != Shell::Fish, "{shell}");
        }
    }
}
