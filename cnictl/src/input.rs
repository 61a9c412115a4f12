//! Edge: the texts that `-f` and its like name, and the files that a command leaves.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads and writes the operator's files"
)]

use std::io::Read;
use std::path::{Path, PathBuf};

/// What a file of resources ends in, inside a directory.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Origin and content of every file, a directory's in the order of their names.
pub fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>, String> {
    let mut texts = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| format!("stdin: {error}"))?;
            texts.push(("stdin".to_owned(), text));
        } else if path.is_dir() {
            for file in files(path)? {
                texts.push(content(&file)?);
            }
        } else {
            texts.push(content(path)?);
        }
    }
    Ok(texts)
}

/// Writes the files; says which one failed.
pub fn write(files: &[(PathBuf, String)]) -> Result<(), String> {
    for (path, text) in files {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
        if ENDINGS.contains(&ending) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(format!(
            "{}: no file ends in .yaml, .yml or .json",
            directory.display()
        ));
    }
    Ok(files)
}

fn content(path: &Path) -> Result<(String, String), String> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{origin}: {error}"))?;
    Ok((origin, text))
}
