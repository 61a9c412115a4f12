//! What connections bring, and timers: what has come together means something together.

use super::Daemon;
use crate::io::tcp::NetEvent;
use crate::speaker::Event;

/// So many events of connections are taken before it is settled what they mean.
const TOGETHER: usize = 256;
/// … or so many octets: what thousands of prefixes at once mean needs room that nothing else needs.
const OCTETS: usize = 16 * 1024;
/// So many events are heard before anybody is called silent: one of a thousand peers may stand behind all others.
const LISTEN: usize = 2048;
/// So often nothing has come before it is believed.
const QUIET: usize = 16;

impl Daemon {
    /// What has come together is one change of routes; of how many events.
    pub(super) async fn heard_of(&mut self, event: NetEvent) -> usize {
        let (mut next, mut heard, mut octets) = (Some(event), 0, 0);
        while let Some(event) = next {
            heard += 1;
            if let NetEvent::Octets(_, _, more) = &event {
                octets += more.len();
            }
            self.taken(event).await;
            let enough = heard >= TOGETHER || octets >= OCTETS;
            next = if enough { None } else { self.net.more() };
        }
        let mut actions = Vec::new();
        self.speaker.settle(&mut actions);
        self.perform_all(actions).await;
        heard
    }

    async fn taken(&mut self, event: NetEvent) {
        if let NetEvent::Failed(key, _) = &event
            && let Some(trouble) = self.net.trouble(*key)
        {
            let peer = key.address.to_string();
            self.log
                .debug("no connection", &[("peer", &peer), ("error", trouble)]);
        }
        let mut actions = Vec::new();
        self.speaker.take(event_of(event), &mut actions);
        self.perform_all(actions).await;
    }

    /// Timers that have run out. Whoever seems silent is heard first: it may be that we had no time to listen.
    pub(super) async fn ran_out(&mut self) {
        let (mut heard, mut quiet) = (0, 0);
        while heard < LISTEN && quiet < QUIET && self.timers.judges() {
            tokio::task::yield_now().await;
            match self.net.more() {
                Some(event) => heard += self.heard_of(event).await,
                None => quiet += 1,
            }
        }
        while let Some(timer) = self.timers.next() {
            self.step(Event::Timer(timer)).await;
        }
    }
}

fn event_of(event: NetEvent) -> Event {
    match event {
        NetEvent::Accepted { from, .. } => Event::Accepted(from),
        NetEvent::Connected(key) => Event::Connected(key),
        NetEvent::Failed(key, failure) => Event::Failed(key, failure),
        NetEvent::Octets(key, side, octets) => Event::Octets(key, side, octets),
        NetEvent::Taken(key, side) => Event::Taken(key, side),
        NetEvent::Closed(key, side, failure) => Event::Closed(key, side, failure),
    }
}
