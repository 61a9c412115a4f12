//! What an installation has put where, kept in `state_dir/install.json`: for `uninstall`, and for what `upgrade` is not
//! told again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::step::Step;

/// The receipt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Name, version and commit of the cnictl that wrote it.
    pub program: String,
    /// What it was told.
    #[serde(default)]
    pub told: BTreeMap<String, String>,
    /// Files and links of ours.
    pub files: BTreeSet<PathBuf>,
    /// Folders that were not there before.
    #[serde(default)]
    pub folders: BTreeSet<PathBuf>,
    /// What had the name of a link of ours, and under which name it is kept.
    #[serde(default)]
    pub kept: BTreeMap<PathBuf, PathBuf>,
}

impl Receipt {
    /// From its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            format!(
                "{}: {error}: it says what was installed; `cnictl install` writes it anew, after which everything \
                 can be removed",
                path.display()
            )
        })
    }

    /// Without what this step takes away.
    pub fn forget(&mut self, step: &Step) {
        if let Step::Remove { path } | Step::RemoveDir { path } | Step::PutBack { path, .. } = step {
            self.files.remove(path);
            self.folders.remove(path);
            self.kept.remove(path);
        }
    }

    /// Its text.
    pub fn bytes(&self) -> Bytes {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n").into()
    }
}
