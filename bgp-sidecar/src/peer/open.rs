//! What we offer a peer.

use std::time::Duration;

use super::{Peer, Start};
use crate::fsm::Config;
use crate::session::{Local, Session};
use crate::wire::{AddPath, Capabilities, Open, Restart};

/// The longest that a node waits with a dead peer before it dials again.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Active,
    Passive,
}

impl Peer {
    /// Another policy: connections go on, and the next OPEN says what is new.
    pub fn reconfigure(&mut self, session: &Session, local: &Local) {
        self.session.clone_from(session);
        self.local.clone_from(local);
    }

    pub(super) fn config(&self, role: Role) -> Config {
        let mut config = config(&self.session, &self.local, &self.start, role);
        if self.plain {
            config.open.capabilities = Capabilities::default();
        }
        config
    }
}

pub(super) fn config(session: &Session, local: &Local, start: &Start, role: Role) -> Config {
    Config {
        open: Open {
            number: session.local_number,
            hold: session.hold,
            id: local.id,
            capabilities: capabilities(session, local, start),
        },
        number: session.number,
        keepalive: session.keepalive,
        passive: role == Role::Passive,
        connect_retry: session.connect_retry.clamp(Duration::from_secs(1), LONGEST),
    }
}

/// Several paths are taken from anyone and sent by a reflector only (RFC 7911 §4).
fn capabilities(session: &Session, local: &Local, start: &Start) -> Capabilities {
    let families = session.families.iter();
    let paths = AddPath {
        send: local.cluster.is_some(),
        receive: true,
    };
    let restart = Restart {
        restarting: start.restarting,
        notification: true,
        time: session.restart_time.min(4095),
        families: families
            .clone()
            .map(|family| (*family, start.forwarding.contains(family)))
            .collect(),
    };
    Capabilities {
        families: session.families.clone(),
        as4: Some(session.local_number),
        refresh: true,
        enhanced_refresh: true,
        restart: Some(restart),
        add_path: families.map(|family| (*family, paths)).collect(),
        extended_message: true,
    }
}
