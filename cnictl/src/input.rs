//! Edge: the texts that `-f` and its like name, and the files that a command leaves.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads and writes the operator's files"
)]

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What a file of resources ends in, inside a directory.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// What a file of CNI ends in.
const CNI: [&str; 3] = ["conflist", "conf", "json"];

/// Origin and content of every file, a directory's in the order of their names; `recursive`: of those inside it too.
pub fn read(paths: &[PathBuf], recursive: bool) -> Result<Vec<(String, String)>, String> {
    let mut texts = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| format!("stdin: {error}"))?;
            texts.push(("stdin".to_owned(), text));
        } else if path.is_dir() {
            for file in files(path, recursive)? {
                texts.push(content(&file)?);
            }
        } else {
            texts.push(content(path)?);
        }
    }
    Ok(texts)
}

/// The content of a file that need not be there.
pub fn optional(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Origin and content of the files of CNI in a directory, in the order in which a runtime looks at them. What cannot be
/// read is passed over, as a directory that is not there.
pub fn networks(directory: &Path) -> Vec<(String, String)> {
    let mut paths = listed(directory).unwrap_or_default();
    paths.retain(|path| ending(path).is_some_and(|ending| CNI.contains(&ending)));
    paths.iter().filter_map(|path| content(path).ok()).collect()
}

/// Writes the files; says which one failed.
pub fn write(files: &[(PathBuf, String)]) -> Result<(), String> {
    for (path, text) in files {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn files(directory: &Path, recursive: bool) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    gather(directory, recursive, &mut files)?;
    if files.is_empty() {
        let below = if recursive {
            " or below it"
        } else {
            "; give -R for those below it"
        };
        return Err(format!(
            "{}: no file in it ends in .yaml, .yml or .json{below}",
            directory.display()
        ));
    }
    Ok(files)
}

fn gather(directory: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", directory.display());
    for path in listed(directory).map_err(failed)? {
        // A link to a directory may lead around in a circle.
        let link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
        if path.is_dir() && recursive && !link {
            gather(&path, recursive, files)?;
        } else if path.is_file() && ending(&path).is_some_and(|ending| ENDINGS.contains(&ending)) {
            files.push(path);
        }
    }
    Ok(())
}

/// What is in a directory, by name.
fn listed(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn ending(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}

fn content(path: &Path) -> Result<(String, String), String> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{origin}: {error}"))?;
    Ok((origin, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_in_order_and_below_only_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("b");
        std::fs::create_dir(&below).unwrap();
        for (name, text) in [
            ("c.yaml", "3"),
            ("a.json", "1"),
            ("b/x.yml", "2"),
            ("no.txt", "-"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), below.join("round")).unwrap();
        let texts = |path: &Path, recursive| -> Result<String, String> {
            let texts = read(&[path.to_owned()], recursive)?;
            Ok(texts.into_iter().map(|(_, text)| text).collect())
        };
        assert_eq!(texts(dir.path(), false), Ok("13".to_owned()));
        assert_eq!(texts(dir.path(), true), Ok("123".to_owned()));
        std::fs::remove_file(below.join("x.yml")).unwrap();
        assert!(texts(&below, false).unwrap_err().contains("give -R"));
    }
}
