//! Writes cnictl's manual pages into a folder: `cargo run --release -p cnictl --example man -- FOLDER`. Not a command of cnictl
//! itself: what writes pages need not be in every program that reads them to nobody.
#![expect(clippy::disallowed_methods, reason = "edge: writes files")]

use std::io::{Error, Result};
use std::path::PathBuf;

mod pages;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| Error::other("which folder shall the pages go to?"))?;
    std::fs::create_dir_all(&folder)?;
    for (name, text) in pages::pages()? {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
