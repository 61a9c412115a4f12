//! What connections bring, and timers: what has come together means something together.

use super::Daemon;
use crate::io::tcp::NetEvent;
use crate::speaker::Event;

/// So many events of connections are taken before it is settled what they mean.
const TOGETHER: usize = 256;
/// … or so many octets: what thousands of prefixes at once mean needs room that nothing else needs.
const OCTETS: usize = 16 * 1024;
/// So often what has come is looked at before anybody is called silent.
const LISTEN: usize = 16;

impl Daemon {
    /// What has come together is one change of routes.
    pub(super) async fn heard_of(&mut self, event: NetEvent) {
        let (mut next, mut octets) = (Some(event), 0);
        for place in 0..TOGETHER {
            let Some(event) = next else { break };
            if let NetEvent::Octets(_, _, more) = &event {
                octets += more.len();
            }
            self.taken(event).await;
            let enough = octets >= OCTETS || place + 1 == TOGETHER;
            next = if enough { None } else { self.net.more() };
        }
        let mut actions = Vec::new();
        self.speaker.settle(&mut actions);
        self.perform_all(actions).await;
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
        for _ in 0..LISTEN {
            if !self.timers.judges() {
                break;
            }
            tokio::task::yield_now().await;
            if let Some(event) = self.net.more() {
                self.heard_of(event).await;
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
