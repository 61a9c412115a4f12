//! What the speaker asks for.

use super::Daemon;
use crate::io::tcp::Dial;
use crate::session::{Password, Session};
use crate::speaker::{Action, Level};

impl Daemon {
    pub(super) async fn perform(&mut self, action: Action) {
        match action {
            Action::Peers(sessions) => {
                let dials = sessions.iter().filter_map(dial).collect();
                for warning in self.net.peers(dials) {
                    self.log.warning(&warning, &[]);
                }
            }
            Action::Connect(key) => self.net.connect(key),
            Action::Adopt(from, key) => self.net.adopt(from, key),
            Action::Reject(from) => self.net.reject(from),
            Action::Close(key, side) => self.net.close(key, side),
            Action::Send(key, side, octets) => self.net.send(key, side, octets),
            Action::Ask(key, side) => self.net.ask(key, side),
            Action::Arm(timer, after) => self.timers.arm(timer, after),
            Action::Disarm(timer) => self.timers.disarm(timer),
            Action::Kernel(ops) => self.change(&ops).await,
            Action::KernelLater(ops) => self.change_later(ops).await,
            Action::Log(level, text) => self.tell(level, &text),
        }
    }

    fn tell(&self, level: Level, text: &str) {
        match level {
            Level::Error => self.log.error(text, &[]),
            Level::Warning => self.log.warning(text, &[]),
            Level::Info => self.log.info(text, &[]),
            Level::Debug => self.log.debug(text, &[]),
        }
    }
}

/// Nothing for a session whose password cannot be had.
fn dial(session: &Session) -> Option<Dial> {
    let password = match &session.password {
        Password::None => None,
        Password::Key(key) => Some(key.clone()),
        Password::Missing(_) => return None,
    };
    Some(Dial {
        key: session.key,
        source: session.source,
        password,
        ttl_security: session.ttl_security,
        passive: session.passive,
    })
}
