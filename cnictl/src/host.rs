//! Edge: this machine as something that is installed on: what lies where is looked at, and steps are carried out.
//!
//! | module | does |
//! |---|---|
//! | [`install`](self::install()), [`uninstall`](self::uninstall()) | one call, from its words to its outcome |
//! | `round` | once through: gather, look, plan, carry out |
//! | `gather` | reads programs, template, certificates, the node's name |
//! | `credentials` | the pod's token, or one that the API server issues |
//! | `look` | what lies there now |
//! | `place` | carries out a step |
//! | `watch` | waits until something changes |

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::Flock;

use crate::commands::install::places::Places;
use crate::commands::install::receipt::Receipt;

mod credentials;
mod files;
mod gather;
mod installing;
mod look;
mod node;
mod place;
mod removing;
mod round;
mod signals;
mod watch;

pub use installing::install;
pub use removing::uninstall;

/// Variables of the process.
pub type Environment = BTreeMap<String, String>;

/// The machine's root directory as seen from here.
#[derive(Clone, Debug)]
struct Root(PathBuf);

impl Root {
    /// Where a path of the machine is.
    fn at(&self, path: &Path) -> PathBuf {
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// One installer at a time; until it is dropped.
struct Lock(#[expect(dead_code, reason = "held")] Flock<File>);

/// What was installed before, if anything was.
fn receipt(root: &Root, places: &Places) -> Result<Option<Receipt>, String> {
    let path = root.at(&places.receipt());
    match files::text(&path)? {
        Some(text) => Receipt::parse(&path, &text).map(Some),
        None => Ok(None),
    }
}
