//! What is owed to the datastore, carried out: by a plugin after its answer and before an ADD of the same attachment, and
//! by the sidecar whenever the datastore is there. One code, so the same fences and the same rule whose it is.
//!
//! | owed by | what | spared |
//! |---|---|---|
//! | `cni-ipam` | addresses go back, by handle and sequence number | what was allocated since |
//! | `cni-net` | a workload endpoint record goes | one that names another container |

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;

use crate::cni::{CniError, Code};
use crate::gate;
use crate::log::Log;
use crate::state::StateError;
use crate::state::attachment::{Attachment, Side};
use crate::state::lock::{self, Lock};
use crate::state::spool::{self, Spooled};
use crate::store::config::Dirs;
use crate::store::{Datastore, StoreError, TransactError};

mod addresses;
mod records;
#[cfg(test)]
mod tests;

pub use records::removal_of;

/// Who carries out what is owed, and with what.
pub struct Payer<'a, S> {
    /// The datastore.
    pub store: &'a S,
    /// Its name in files of this node.
    pub identity: String,
    /// This node's name.
    pub node: &'a str,
    /// Where the spool, the locks and the hint are.
    pub dirs: &'a Dirs,
    /// What was done is told there.
    pub log: &'a Log,
    /// The time of a release.
    pub now: Timestamp,
    /// The host-wide lock that is held around a release, and until when it is waited for. None where others must not
    /// wait: it only spares conflicts.
    pub host_lock: Option<(&'a Path, Instant)>,
}

/// What became of one thing that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, by whomever.
    Paid,
    /// The datastore is another cluster's; kept.
    Foreign,
}

/// What became of everything that one plugin owes to a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Carried out.
    pub paid: usize,
    /// Kept: a call about it is running, or it was refused; told in the log.
    pub kept: usize,
    /// The datastore does not answer any more, and the rest was not tried.
    pub away: bool,
}

impl<S: Datastore> Payer<'_, S> {
    /// Carries out what one plugin owes to this store, the oldest first, at most so many. Fails where the datastore does
    /// not answer.
    pub async fn settle(&self, side: Side, most: usize) -> Result<Settled, StoreError> {
        let snapshot = self.store.read(&gate::readiness()).await?;
        let cluster = match side {
            Side::Ipam => gate::cluster(&snapshot),
            Side::Net => match gate::ready(&snapshot) {
                Ok(cluster) => cluster,
                Err(_) => return Ok(Settled::default()),
            },
        };
        let mut settled = Settled::default();
        for spooled in spool::owed_to(self.dirs, side, (&self.identity, cluster.as_deref()), most) {
            let about = about(side, &spooled.owed.attachment);
            match self.one(side, spooled).await {
                Ok(Some(Outcome::Paid)) => settled.paid += 1,
                Ok(Some(Outcome::Foreign) | None) => settled.kept += 1,
                Err(error) => {
                    settled.kept += 1;
                    let word = word(side);
                    let fields = [(word.about, about.as_str()), ("error", &error.to_string())];
                    self.log.warning(word.kept, &fields);
                    // One that cannot be read does not hold the others up; a datastore that is away does.
                    if error.code == Code::TryAgainLater {
                        settled.away = true;
                        break;
                    }
                }
            }
        }
        Ok(settled)
    }

    /// Puts out of the way what cannot be read, and tells it.
    pub fn set_aside(&self, side: Side) {
        for aside in spool::set_aside_unreadable(self.dirs, side) {
            let file = aside.display().to_string();
            self.log.warning(word(side).unreadable, &[("file", &file)]);
        }
    }

    /// Nothing where a call about the attachment is running: what it does now must not be taken for what is owed.
    async fn one(&self, side: Side, spooled: Spooled) -> Result<Option<Outcome>, CniError> {
        let Some(turn) = self.turn(side, &spooled.owed.attachment) else {
            return Ok(None);
        };
        // Somebody may have carried it out, or made the attachment anew, since the directory was listed.
        let outcome = match spooled.is_there() {
            true => self.carry_out(side, spooled).await.map_err(error)?,
            false => Outcome::Paid,
        };
        if side == Side::Ipam {
            turn.retire();
        }
        Ok(Some(outcome))
    }

    fn turn(&self, side: Side, held: &Attachment) -> Option<Lock> {
        let words = [held.id.network.as_str(), &held.id.container, &held.id.ifname];
        let free = lock::attachment_if_free(self.dirs, side, words);
        free.ok().flatten()
    }

    /// One thing that is owed, whose turn the caller has.
    pub async fn carry_out(&self, side: Side, spooled: Spooled) -> Result<Outcome, TransactError<CniError>> {
        let held = &spooled.owed.attachment;
        let paid = match side {
            Side::Ipam => self.free_again(held).await?,
            Side::Net => self.forget(held).await?,
        };
        let (word, about) = (word(side), about(side, held));
        let about = [(word.about, about.as_str())];
        if !paid {
            self.log.warning(word.foreign, &about);
            return Ok(Outcome::Foreign);
        }
        self.log.info(word.done, &about);
        let done = spooled.done();
        done.map_err(|error| TransactError::Decide(state(&error)))?;
        Ok(Outcome::Paid)
    }
}

/// What an owed thing is called in the log.
fn about(side: Side, held: &Attachment) -> String {
    let name = match side {
        Side::Ipam => held.handles.first(),
        Side::Net => held.record.as_ref(),
    };
    name.cloned().unwrap_or_default()
}

/// What the log says.
struct Word {
    about: &'static str,
    done: &'static str,
    kept: &'static str,
    foreign: &'static str,
    unreadable: &'static str,
}

fn word(side: Side) -> Word {
    match side {
        Side::Ipam => Word {
            about: "handle",
            done: "owed release carried out",
            kept: "owed release kept",
            foreign: "owed release is another cluster's; kept",
            unreadable: "owed release cannot be read: look for its address with cnictl ipam check",
        },
        Side::Net => Word {
            about: "record",
            done: "owed removal carried out",
            kept: "owed removal kept",
            foreign: "owed removal is another cluster's; kept",
            unreadable: "owed removal of a record cannot be read: look for the record with cnictl ipam check",
        },
    }
}

fn error(error: TransactError<CniError>) -> CniError {
    match error {
        TransactError::Store(error) => CniError::numbered(error.code(), error),
        TransactError::Decide(error) => error,
    }
}

fn state(error: &StateError) -> CniError {
    CniError::numbered(error.code(), error)
}
