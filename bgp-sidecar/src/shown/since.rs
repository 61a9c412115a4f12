//! Since when a session is up, or is not: BIRD's `since`, which attempts to connect do not touch.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::cluster::Picture;
use crate::fsm::State;
use crate::session::PeerKey;
use crate::speaker::Speaker;

/// By peer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Since(BTreeMap<PeerKey, (Protocol, Timestamp)>);

/// BIRD's state of a protocol, which calicoctl shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// May not start.
    Down,
    /// No session yet.
    Start,
    /// Established.
    Up,
}

impl Protocol {
    /// Of a peer in this state; the speaker has none for what is held back.
    pub(super) fn of(state: Option<State>) -> Self {
        match state {
            None => Self::Down,
            Some(State::Established) => Self::Up,
            Some(State::Idle | State::Connect | State::Active | State::OpenSent | State::OpenConfirm) => {
                Self::Start
            }
        }
    }
}

impl Since {
    /// Takes down what has changed. Called after every step of the speaker.
    pub fn note(&mut self, picture: &Picture, speaker: &Speaker, now: Timestamp) {
        let sessions = picture.sessions.sessions.iter().map(|session| session.key);
        let held = picture.sessions.held.iter().map(|held| held.session.key);
        let mut before = std::mem::take(&mut self.0);
        for key in sessions.chain(held) {
            let protocol = Protocol::of(speaker.state(key));
            let known = before.remove(&key).filter(|(known, _)| *known == protocol);
            self.0.insert(key, known.unwrap_or((protocol, now)));
        }
    }

    /// Since when a peer is as it is.
    pub fn of(&self, key: PeerKey) -> Option<Timestamp> {
        self.0.get(&key).map(|(_, since)| *since)
    }
}
