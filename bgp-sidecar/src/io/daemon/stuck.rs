//! Peers that take nothing from us (RFC 9687): their hold timer lives on our KEEPALIVEs, which they do not read.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::io::tcp::Net;
use crate::peer::Side;
use crate::session::PeerKey;
use crate::speaker::Speaker;

/// How long a connection may take nothing (RFC 9687 §4: the greater of 8 minutes and twice the hold time).
const SEND_HOLD: Duration = Duration::from_secs(480);

/// What waits, by connection: how much, and since when it is no less.
#[derive(Debug, Default)]
pub(super) struct Stuck(BTreeMap<(PeerKey, Side), (usize, Instant)>);

impl Stuck {
    /// Connections that have taken nothing for too long.
    pub(super) fn find(&mut self, net: &Net, speaker: &Speaker) -> Vec<(PeerKey, Side)> {
        let now = Instant::now();
        let mut found = Vec::new();
        let mut waiting = BTreeMap::new();
        for key in speaker.keys() {
            for side in Side::ALL {
                let queued = net.queued(key, side);
                if queued == 0 {
                    continue;
                }
                let known = self.0.get(&(key, side)).filter(|(before, _)| queued >= *before);
                let since = known.map_or(now, |(_, since)| *since);
                if now.duration_since(since) >= SEND_HOLD {
                    found.push((key, side));
                } else {
                    waiting.insert((key, side), (queued, since));
                }
            }
        }
        self.0 = waiting;
        found
    }
}
