//! Whose turn it is: calls about one container, and about one host interface, run one after the other.
//!
//! | verb | the container's lock | the host interface's |
//! |---|---|---|
//! | ADD | all the time | from planning the pair to the record's write: not while it waits for gates or the store |
//! | DEL, GC | all the time | all the time |
//!
//! The interface is called after the pod: the DEL of an older container must not run beside the ADD of a newer.

use std::time::Instant;

use shared::cni::{Attachment, CniError, Code, Env};
use shared::state::attachment::{Id, Side};
use shared::state::lock::{self, Lock};
use shared::store::config::Dirs;

use super::Call;
use super::target::names;
use super::verb::Verb;
use crate::config::Config;
use crate::error;

/// Locks of one attachment; dropped, the next call goes on.
#[derive(Default)]
pub(super) struct Turn {
    own: Option<Lock>,
    interface: Option<Lock>,
}

impl Turn {
    /// What a verb holds before it asks the datastore anything.
    pub(super) fn of(
        verb: Verb,
        (config, dirs, node, env): (&Config, &Dirs, &str, &Env),
        about: Option<&Attachment>,
        deadline: Instant,
    ) -> Result<Self, CniError> {
        let mut turn = Self::default();
        let Some(attachment) = about else { return Ok(turn) };
        let own = || {
            let words = [
                config.network.as_str(),
                &attachment.container_id,
                &attachment.ifname,
            ];
            wait(dirs, words, deadline)
        };
        match verb {
            Verb::Add => turn.own = Some(own()?),
            Verb::Del => {
                let (_, host_interface) = names(config, env, attachment)?;
                turn.own = Some(own()?);
                turn.interface = Some(wait(dirs, interface_words(node, &host_interface), deadline)?);
            }
            Verb::Check | Verb::Gc | Verb::Ready => {}
        }
        Ok(turn)
    }

    /// Nothing will be done for this container any more.
    pub(super) fn retire(self) {
        for lock in [self.interface, self.own].into_iter().flatten() {
            lock.retire();
        }
    }
}

fn interface_words<'a>(node: &'a str, host_interface: &'a str) -> [&'a str; 3] {
    ["host interface", node, host_interface]
}

fn wait(dirs: &Dirs, words: [&str; 3], deadline: Instant) -> Result<Lock, CniError> {
    let held = lock::attachment(dirs, Side::Net, words, deadline).map_err(|error| error::state(&error))?;
    held.ok_or_else(|| {
        let text = format!("another call for {} is still running; try again", words.join(" "));
        CniError::new(Code::TryAgainLater, text)
    })
}

impl Call {
    /// Takes the turn of the host interface, for as long as this call holds its own.
    pub(super) fn take_interface(&self, host_interface: &str) -> Result<(), CniError> {
        let words = interface_words(&self.node, host_interface);
        let lock = wait(&self.dirs, words, self.deadline())?;
        self.turn.borrow_mut().interface = Some(lock);
        Ok(())
    }

    /// The next call about this attachment goes on.
    pub(super) fn let_go(&self) {
        drop(self.turn.take());
    }

    /// Nothing will be done for this call's container any more.
    pub(super) fn retire(&self) {
        self.turn.take().retire();
    }

    /// The turn of an attachment that this call was not made for: GC's.
    pub(super) fn turn_of(&self, id: &Id, host_interface: &str) -> Result<Turn, CniError> {
        let own = [id.network.as_str(), &id.container, &id.ifname];
        Ok(Turn {
            own: Some(wait(&self.dirs, own, self.deadline())?),
            interface: Some(wait(
                &self.dirs,
                interface_words(&self.node, host_interface),
                self.deadline(),
            )?),
        })
    }
}
