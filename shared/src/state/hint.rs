//! The hint file: the blocks this node last assigned from, so that the next ADD reads them in its first request, and
//! what the last ADD knew, so that the next one may need no read at all.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Durable, StateError, digest, replace, text};
use crate::store::config::Dirs;
use crate::txn::{Memo, Revision, Txn};

/// One block per family is remembered: each is read whole by the next ADD (a full /26 is about 20 KiB).
const BLOCKS: usize = 2;

/// What the last ADD learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Own blocks with room, the last used first.
    #[serde(default)]
    pub blocks: Vec<IpNet>,
    /// What it read, as it was after its Txn. Proven anew by whoever decides from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memo>,
    /// What the last address came from has another: the next one will not be borrowed.
    #[serde(default)]
    pub roomy: bool,
    /// Blocks of one address that were claimed last: the next ones are probably behind them.
    #[serde(default)]
    pub after: Vec<IpNet>,
}

impl Hint {
    /// Puts blocks that were just assigned from in front. What was known is forgotten.
    #[must_use]
    pub fn used(&self, blocks: impl IntoIterator<Item = IpNet>) -> Hint {
        let mut recent: Vec<IpNet> = Vec::new();
        for block in blocks.into_iter().chain(self.blocks.iter().copied()) {
            // A block of one address is full as soon as it is used.
            if !recent.contains(&block) && block.prefix_len() < block.max_prefix_len() {
                recent.push(block);
            }
        }
        recent.truncate(BLOCKS);
        Hint {
            blocks: recent,
            memory: None,
            roomy: self.roomy,
            after: self.after.clone(),
        }
    }
}

fn path(dirs: &Dirs, store: &str, node: &str) -> PathBuf {
    dirs.run.join("hints").join(digest(&[store, node]) + ".json")
}

/// The hint of a store and node; none, or a broken one, is empty.
pub fn read(dirs: &Dirs, store: &str, node: &str) -> Hint {
    let found = text(&path(dirs, store, node)).ok().flatten();
    found
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Writes the hint.
pub fn write(dirs: &Dirs, store: &str, node: &str, hint: &Hint) -> Result<(), StateError> {
    let bytes = serde_json::to_vec(hint).unwrap_or_default();
    replace(&path(dirs, store, node), &bytes, Durable::No)
}

/// Takes into account what another verb of this node, or its sidecar, has written. One that cannot be written only
/// costs the next ADD a request.
pub fn revise(dirs: &Dirs, (store, node): (&str, &str), written: Option<&(Txn, Revision)>) {
    let Some((txn, at)) = written else { return };
    let mut hint = read(dirs, store, node);
    if let Some(memory) = &mut hint.memory {
        memory.written(txn, *at);
        let _ = write(dirs, store, node, &hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_used_block_comes_first_and_single_addresses_are_not_worth_remembering() {
        let block = |text: &str| text.parse::<IpNet>().unwrap();
        let hint = Hint {
            blocks: vec![block("10.0.0.0/26"), block("10.0.1.0/26")],
            roomy: true,
            ..Hint::default()
        };
        let used = hint.used([block("10.0.1.0/26"), block("10.9.9.9/32")]);
        assert_eq!(used.blocks, vec![block("10.0.1.0/26"), block("10.0.0.0/26")]);
    }

    #[test]
    fn a_missing_or_broken_hint_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        };
        assert_eq!(read(&dirs, "s", "n"), Hint::default());
        replace(&path(&dirs, "s", "n"), b"{", Durable::No).unwrap();
        assert_eq!(read(&dirs, "s", "n"), Hint::default());
        let hint = Hint {
            blocks: vec!["10.0.0.0/26".parse().unwrap()],
            memory: Some(Memo::default()),
            roomy: true,
            after: vec!["10.1.0.0/32".parse().unwrap()],
        };
        write(&dirs, "s", "n", &hint).unwrap();
        assert_eq!(read(&dirs, "s", "n"), hint);
    }
}
