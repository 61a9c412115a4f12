//! Writes cnictl's manual pages into a folder: `man FOLDER DATE`. Not a command of cnictl itself, which need not carry what
//! writes pages to every node.
#![expect(clippy::disallowed_methods, reason = "edge: writes files")]

use std::io::{Error, Result};
use std::path::Path;

mod pages;

fn main() -> Result<()> {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let [folder, date] = words.as_slice() else {
        return Err(Error::other("usage: man FOLDER DATE"));
    };
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    for (name, text) in pages::pages(&date.to_string_lossy())? {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
