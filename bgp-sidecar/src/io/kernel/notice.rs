//! What others change, heard of: bursts are one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use ipnet::IpNet;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use tokio::time::{Instant, sleep, timeout_at};

use super::socket::{Message, Socket};
use super::{Noticed, decode, encode};

/// A burst is over after this long without anything.
const SILENCE: Duration = Duration::from_millis(50);
/// It is told of no later than this.
const LATEST: Duration = Duration::from_millis(500);
/// How the names of pods' interfaces begin.
const POD: &str = "cali";

/// What has been heard and not yet been told.
#[derive(Debug, Default)]
struct Pending {
    around: bool,
    lost: bool,
    ours: BTreeSet<IpNet>,
    up: BTreeSet<String>,
    /// When the first of it was heard, and the last.
    heard: Option<(Instant, Instant)>,
}

impl Pending {
    fn hear(&mut self, news: News, now: Instant) {
        match news {
            News::Nothing => return,
            News::Around => self.around = true,
            News::Ours(destination) => drop(self.ours.insert(destination)),
            News::Pod(name) => drop(self.up.insert(name)),
            News::Up(name) => {
                self.around = true;
                self.up.insert(name);
            }
            News::Lost => self.lost = true,
        }
        let first = self.heard.map_or(now, |(first, _)| first);
        self.heard = Some((first, now));
    }

    /// When it is to be told.
    fn due(&self) -> Option<Instant> {
        let (first, last) = self.heard?;
        Some((last + SILENCE).min(first + LATEST))
    }

    fn tell(&mut self) -> Noticed {
        let told = std::mem::take(self);
        Noticed {
            around: told.around,
            ours: told.ours.into_iter().collect(),
            up: told.up.into_iter().collect(),
            lost: told.lost,
        }
    }
}

/// What one message says.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Nothing,
    Around,
    Ours(IpNet),
    /// A pod's interface came up, or has lost a route.
    Pod(String),
    /// Another one came up.
    Up(String),
    Lost,
}

/// Listens.
pub(super) struct Monitor {
    socket: Socket,
    /// Pods' interfaces by their numbers: each pod that comes or goes makes a dozen notices, and leads nowhere.
    pods: BTreeMap<u32, String>,
    /// The other ones that are up.
    up: BTreeSet<u32>,
    pending: Pending,
}

impl Monitor {
    /// From now on, and deaf to what the socket with this number does.
    pub(super) async fn open(own: u32) -> io::Result<Self> {
        let groups = libc::RTMGRP_LINK
            | libc::RTMGRP_IPV4_IFADDR
            | libc::RTMGRP_IPV4_ROUTE
            | libc::RTMGRP_IPV6_IFADDR
            | libc::RTMGRP_IPV6_ROUTE;
        let socket = Socket::open(groups.unsigned_abs())?;
        socket.deaf_to(own)?;
        let mut monitor = Self {
            socket,
            pods: BTreeMap::new(),
            up: BTreeSet::new(),
            pending: Pending::default(),
        };
        let refused = |refusal: super::socket::Refusal| io::Error::other(refusal.text);
        let mut asker = Socket::open(0)?;
        let links = asker.dump(encode::links(), |link| Some(link.clone()));
        for link in links.await.map_err(refused)? {
            monitor.news(&link);
        }
        Ok(monitor)
    }

    pub(super) async fn next(&mut self) -> Noticed {
        loop {
            let heard = match self.pending.due() {
                Some(due) if due <= Instant::now() => return self.pending.tell(),
                Some(due) => match timeout_at(due, self.socket.receive()).await {
                    Ok(heard) => heard,
                    Err(_) => return self.pending.tell(),
                },
                None => self.socket.receive().await,
            };
            let now = Instant::now();
            match heard {
                Ok(messages) => {
                    for message in messages {
                        let news = self.read(&message);
                        self.pending.hear(news, now);
                    }
                }
                // ENOBUFS, in all likelihood: there was no room for it.
                Err(_) => {
                    self.pending.hear(News::Lost, now);
                    sleep(SILENCE).await;
                }
            }
        }
    }

    fn read(&mut self, message: &Message) -> News {
        match &message.payload {
            NetlinkPayload::InnerMessage(message) => self.news(message),
            NetlinkPayload::Overrun(_) => News::Lost,
            NetlinkPayload::Done(_) | NetlinkPayload::Error(_) | NetlinkPayload::Noop | _ => News::Nothing,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "rtnetlink's enum, open on purpose")]
    fn news(&mut self, message: &RouteNetlinkMessage) -> News {
        use RouteNetlinkMessage::{DelAddress, DelLink, DelRoute, NewAddress, NewLink, NewRoute};
        let index = match message {
            NewLink(_) | DelLink(_) => return self.link(message),
            NewAddress(address) | DelAddress(address) => Some(address.header.index),
            NewRoute(route) | DelRoute(route) if decode::is_main(route) => {
                if decode::is_ours(route) {
                    return decode::destination(route).map_or(News::Nothing, News::Ours);
                }
                decode::legs(route).first().and_then(|leg| leg.index)
            }
            _ => return News::Nothing,
        };
        match index.and_then(|index| self.pods.get(&index)) {
            Some(name) if matches!(message, DelRoute(_)) => News::Pod(name.clone()),
            Some(_) => News::Nothing,
            None => News::Around,
        }
    }

    fn link(&mut self, message: &RouteNetlinkMessage) -> News {
        let Some(link) = decode::link(message) else {
            return News::Around;
        };
        let gone = message.is_del_link();
        if link.name.starts_with(POD) {
            match gone {
                true => self.pods.remove(&link.index),
                false => self.pods.insert(link.index, link.name.clone()),
            };
            return match link.up && !gone {
                true => News::Pod(link.name),
                false => News::Nothing,
            };
        }
        self.pods.remove(&link.index);
        if gone || !link.up {
            self.up.remove(&link.index);
            return News::Around;
        }
        match self.up.insert(link.index) {
            true => News::Up(link.name),
            false => News::Around,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Noticed {
        Noticed {
            around: true,
            ..Noticed::default()
        }
    }

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_told_of_after_silence_and_no_later_than_half_a_second() {
        let start = Instant::now();
        let mut pending = Pending::default();
        pending.hear(News::Nothing, start);
        assert_eq!(pending.due(), None, "nothing to tell");
        pending.hear(News::Around, start);
        assert_eq!(pending.due(), Some(at(start, 50)));
        pending.hear(News::Around, at(start, 40));
        assert_eq!(pending.due(), Some(at(start, 90)));
        pending.hear(News::Around, at(start, 480));
        assert_eq!(pending.due(), Some(at(start, 500)));
        assert_eq!(pending.tell(), around());
        assert_eq!(pending.due(), None, "told");
    }

    #[test]
    fn what_is_told_is_what_was_heard_and_a_loss_is_everything() {
        let start = Instant::now();
        let net: IpNet = "10.1.0.0/26".parse().unwrap();
        let mut pending = Pending::default();
        pending.hear(News::Ours(net), start);
        pending.hear(News::Ours(net), start);
        let ours = Noticed {
            ours: vec![net],
            ..Noticed::default()
        };
        assert_eq!(pending.tell(), ours);
        pending.hear(News::Ours(net), start);
        pending.hear(News::Around, start);
        let both = Noticed { around: true, ..ours };
        assert_eq!(pending.tell(), both);
        pending.hear(News::Lost, start);
        assert!(pending.tell().lost);
        for _ in 0..2 {
            pending.hear(News::Pod("cali1".to_owned()), start);
        }
        let pod = Noticed {
            up: vec!["cali1".to_owned()],
            ..Noticed::default()
        };
        assert_eq!(pending.tell(), pod);
        pending.hear(News::Up("east".to_owned()), start);
        let up = Noticed {
            up: vec!["east".to_owned()],
            ..around()
        };
        assert_eq!(pending.tell(), up);
    }
}
