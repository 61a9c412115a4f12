//! Calls, counted: a plugin appends a line for each when its answer is out, and the sidecar sums them up for `/metrics`.
//!
//! The file is small and lives in `run_dir`. A line is one write, so that lines of several processes never mix. Past
//! [`LARGEST`] the file is renamed and begun anew; nothing that goes wrong here is worth a call.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::directory_of_ours;
use crate::cni::Answered;
use crate::store::config::Dirs;

/// A file that is larger is begun anew; some 30,000 calls.
pub const LARGEST: u64 = 1 << 20;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `cni-net` or `cni-ipam`.
    pub plugin: String,
    /// `ADD`, `DEL`, …
    pub verb: String,
    /// Its error's code; 0 is a success.
    pub code: u32,
    /// How long it took.
    pub took: Duration,
}

/// The file.
pub fn path(dirs: &Dirs) -> PathBuf {
    dirs.run.join("calls")
}

/// The one before it.
pub fn older(dirs: &Dirs) -> PathBuf {
    dirs.run.join("calls.1")
}

/// Adds a call of a plugin, as well as it goes.
pub fn note(dirs: &Dirs, plugin: &str, call: Answered) {
    let call = Call {
        plugin: plugin.to_owned(),
        verb: call.verb.to_owned(),
        code: call.code,
        took: call.took,
    };
    let _ = append(dirs, &call);
}

fn append(dirs: &Dirs, call: &Call) -> io::Result<()> {
    let path = path(dirs);
    let mut file = match open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            directory_of_ours(&dirs.run).map_err(io::Error::other)?;
            open(&path)?
        }
        opened => opened?,
    };
    let there = file.metadata()?;
    if there.len() > LARGEST {
        // Another call may have been faster, and its new file is small.
        if std::fs::metadata(&path).is_ok_and(|now| now.ino() == there.ino()) {
            std::fs::rename(&path, older(dirs))?;
        }
        file = open(&path)?;
    }
    file.write_all(call.line().as_bytes())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

impl Call {
    /// As it stands in the file.
    pub fn line(&self) -> String {
        let Self {
            plugin,
            verb,
            code,
            took,
        } = self;
        format!("{plugin} {verb} {code} {}\n", took.as_micros())
    }

    /// What a line says; nothing where it is none of ours.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let call = Self {
            plugin: words.next()?.to_owned(),
            verb: words.next()?.to_owned(),
            code: words.next()?.parse().ok()?,
            took: Duration::from_micros(words.next()?.parse().ok()?),
        };
        words.next().is_none().then_some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(code: u32) -> Call {
        Call {
            plugin: "cni-net".to_owned(),
            verb: "ADD".to_owned(),
            code,
            took: Duration::from_micros(12_345),
        }
    }

    fn dirs(root: &Path) -> Dirs {
        Dirs {
            state: root.join("s"),
            run: root.join("deep/r"),
        }
    }

    #[test]
    fn a_line_reads_as_it_was_written_and_others_are_passed_over() {
        let line = call(141).line();
        assert_eq!(line, "cni-net ADD 141 12345\n");
        assert_eq!(Call::parse(line.trim_end()), Some(call(141)));
        for odd in [
            "",
            "cni-net ADD 0",
            "cni-net ADD x 1",
            "cni-net ADD 0 1 2",
            "cni-net ADD 0 -1",
        ] {
            assert_eq!(Call::parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn calls_are_appended_in_a_directory_that_need_not_be_there() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(root.path());
        for code in [0, 11] {
            append(&dirs, &call(code)).unwrap();
        }
        let text = std::fs::read_to_string(path(&dirs)).unwrap();
        assert_eq!(text, call(0).line() + &call(11).line());
        // A file in the directory's place.
        let nowhere = Dirs {
            run: path(&dirs),
            ..dirs
        };
        assert!(append(&nowhere, &call(0)).is_err());
    }

    #[test]
    fn a_large_file_is_begun_anew_and_there_is_one_before_it() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(root.path());
        for round in 0..2 {
            append(&dirs, &call(round)).unwrap();
            let file = OpenOptions::new().append(true).open(path(&dirs)).unwrap();
            file.set_len(LARGEST + 1).unwrap();
        }
        append(&dirs, &call(2)).unwrap();
        assert_eq!(std::fs::read_to_string(path(&dirs)).unwrap(), call(2).line());
        assert_eq!(std::fs::metadata(older(&dirs)).unwrap().len(), LARGEST + 1);
        assert_eq!(std::fs::read_dir(&dirs.run).unwrap().count(), 2);
    }
}
