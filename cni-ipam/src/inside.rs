//! The plugin as a part of its caller: the same ADD and DEL, on the caller's connection and in the caller's task.
//!
//! What a process of its own costs is its start, its end and a second connection: more than what it does. What it
//! gives, that the caller can kill it, is not missed: a call ends by its own time, and dies with the caller as before.

#![expect(clippy::disallowed_methods, reason = "edge: how long the call took")]

use std::time::Instant;

use shared::cni::{AddResult, Answered, Attachment, CniError, Env, NetConf};
use shared::state::calls;
use shared::store::config::Dirs;
use shared::store::open::Store;

use crate::call::{Asked, Call};
use crate::command::addresses;
use crate::{assign, owed, release};

/// One call. A future of it that is dropped is as a process that was killed: the attachment's file says what it may have
/// done, and a DEL clears that away.
pub struct Inside {
    call: Call,
    env: Env,
    attachment: Attachment,
    conf: NetConf,
    begun: Instant,
}

impl Inside {
    /// Reads what the plugin would be told: environment, attachment and stdin. Touches nothing.
    ///
    /// # Errors
    /// The plugin's own, where it would refuse.
    pub fn begin(
        verb: &'static str,
        env: Env,
        attachment: Attachment,
        stdin: &[u8],
        store: &Store,
    ) -> Result<Self, CniError> {
        let begun = Instant::now();
        let conf = NetConf::parse(stdin)?;
        let asked = Asked::of(verb, &env, &conf, Some(&attachment)).inspect_err(|error| {
            if let Ok(dirs) = Dirs::from(conf.raw(), env.vars()) {
                note(&dirs, (verb, begun), Err(error));
            }
        })?;
        let limit = asked.limit(verb, &env);
        Ok(Self {
            call: asked.on(store.beside(limit), limit),
            env,
            attachment,
            conf,
            begun,
        })
    }

    /// ADD.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn add(&self) -> Result<AddResult, CniError> {
        let outcome = assign::answer(&self.call, &self.attachment, &self.conf).await;
        self.tell("ADD", outcome.as_ref().map(addresses));
        outcome
    }

    /// DEL.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn del(&self) -> Result<(), CniError> {
        let outcome = release::del(&self.call, &self.attachment, &self.env).await;
        self.tell("DEL", outcome.as_ref().map(|()| String::new()));
        outcome
    }

    /// What can wait until the runtime has its answer.
    pub async fn after_answer(&self) {
        // A store that did not answer this call will not answer the next moment either.
        if self.call.store.requests() > 0 {
            owed::replay(&self.call).await;
        }
    }

    /// The line in the log, and the call among those that are counted.
    fn tell(&self, verb: &'static str, outcome: Result<String, &CniError>) {
        self.call.tell_outcome(&outcome);
        note(&self.call.config.dirs, (verb, self.begun), outcome.map(|_| ()));
    }
}

/// The call among those that are counted.
fn note(dirs: &Dirs, (verb, begun): (&'static str, Instant), outcome: Result<(), &CniError>) {
    let call = Answered {
        verb,
        code: outcome.err().map_or(0, |error| error.code.number()),
        took: begun.elapsed(),
    };
    calls::note(dirs, "cni-ipam", call);
}
