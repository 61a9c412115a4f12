//! Fenced blocks of the documentation, by what stands behind their opening fence.

use std::fs;
use std::path::PathBuf;

use crate::require;

/// One fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Its file, from the top of the repository.
    pub file: String,
    /// The line of its opening fence.
    pub line: usize,
    /// What stands behind the opening fence.
    pub info: String,
    /// Its text.
    pub text: String,
}

/// Every document of the project: `README.md` and what is in `docs/`.
pub fn documents() -> Vec<String> {
    let listed = fs::read_dir(require::file("docs")).unwrap_or_else(|error| panic!("docs: {error}"));
    let mut names: Vec<_> = listed
        .flatten()
        .map(|entry| format!("docs/{}", entry.file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .chain(["README.md".to_owned()])
        .collect();
    names.sort();
    names
}

/// Its fenced blocks, in order.
pub fn fences(file: &str) -> Vec<Fence> {
    let path: PathBuf = require::file(file);
    let whole = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = Vec::new();
    let mut open: Option<Fence> = None;
    for (number, line) in whole.lines().enumerate() {
        match (open.as_mut(), line.strip_prefix("```")) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(fence), None) => fence.text += &format!("{line}\n"),
            (None, Some(info)) => {
                open = Some(Fence {
                    file: file.to_owned(),
                    line: number + 1,
                    info: info.trim().to_owned(),
                    text: String::new(),
                });
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence without an end: {open:?}");
    found
}

impl Fence {
    /// Where it is, for a person.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Its lines that call a program, without what follows `#`; a continued line is one.
    pub fn calls(&self, program: &str) -> Vec<String> {
        let joined = self.text.replace("\\\n", " ");
        let parts = joined.lines().flat_map(|line| line.split(['|', ';']));
        parts
            .map(|part| part.split(" #").next().unwrap_or_default().trim())
            .filter(|part| part.split(' ').next() == Some(program))
            .map(str::to_owned)
            .collect()
    }
}
