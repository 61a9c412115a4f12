//! All peers, driven by one thread.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::message::{self, Route};
use super::session::Session;
use super::{Peers, Space};

/// Between two rounds of attempts.
const RETRY: Duration = Duration::from_millis(20);
/// Attempts at a time: BIRD's listen queue is 8, and what overflows it waits for its next turn longer and longer.
const TOGETHER: usize = 8;
/// The longest the loop sleeps.
const PAUSE: u16 = 50;
const READ: usize = 256 * 1024;

/// All peers. They are gone when it is dropped.
pub struct Swarm {
    peers: Peers,
    space: Space,
    epoll: Epoll,
    sessions: Vec<Session>,
    retry: Instant,
    alive: Instant,
    buffer: Vec<u8>,
}

impl Swarm {
    /// Dials nobody yet; [`Self::run`] does. To be made in the namespace that the peers are in.
    pub fn new(peers: Peers, space: Space) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        Self {
            epoll: epoll.unwrap_or_else(|error| panic!("epoll: {error}")),
            sessions: peers.addresses().map(Session::new).collect(),
            peers,
            space,
            retry: Instant::now(),
            alive: Instant::now(),
            buffer: vec![0; READ],
        }
    }

    /// The peers.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The prefixes.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// One of them.
    pub fn session(&self, who: usize) -> &Session {
        &self.sessions[who]
    }

    /// All of them.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// Waits until every session stands and has been told everything there was.
    pub fn up(&mut self, limit: Duration) {
        self.run("all sessions are up", limit, |swarm| {
            swarm.sessions().all(|one| one.up && one.heard().ends > 0)
        });
    }

    /// One peer announces prefixes, with so many different sets of attributes in turns of equal length.
    pub fn announce(&mut self, who: usize, numbers: Range<usize>, sets: usize) {
        let next_hop = self.peers.address(who);
        let number = (!self.peers.internal).then_some(self.peers.number);
        let turn = numbers.len().div_ceil(sets).max(1);
        let mut octets = Vec::new();
        for (med, start) in (0..).zip(numbers.clone().step_by(turn)) {
            let route = Route {
                next_hop,
                number,
                med,
            };
            let some = start..numbers.end.min(start + turn);
            message::updates(&self.space, some, Some(&route), &mut octets);
        }
        self.sessions[who].send(octets.into());
    }

    /// One peer announces these, each in a message of its own with a different set of attributes.
    pub fn flood(&mut self, who: usize, numbers: Range<usize>, med: u32) {
        let (next_hop, number) = (self.peers.address(who), None);
        let mut octets = Vec::new();
        for (med, one) in (med..).zip(numbers) {
            let route = Route {
                next_hop,
                number,
                med,
            };
            message::updates(&self.space, one..=one, Some(&route), &mut octets);
        }
        self.sessions[who].send(octets.into());
    }

    /// One peer withdraws prefixes.
    pub fn withdraw(&mut self, who: usize, numbers: Range<usize>) {
        let mut octets = Vec::new();
        message::updates(&self.space, numbers, None, &mut octets);
        self.sessions[who].send(octets.into());
    }

    /// One peer says something of its own.
    pub fn say(&mut self, who: usize, octets: &[u8]) {
        self.sessions[who].send(octets.into());
    }

    /// One peer reads no more, or again. Its kernel takes little more for it: what it grants to a connection that it has
    /// measured while it was quick may be 32 MiB.
    pub fn reads(&mut self, who: usize, reads: bool) {
        const LITTLE: usize = 32 * 1024;
        let session = &mut self.sessions[who];
        session.reads = reads;
        if let (Some(stream), false) = (&session.stream, reads) {
            let set = socket2::SockRef::from(stream).set_recv_buffer_size(LITTLE);
            set.unwrap_or_else(|error| panic!("SO_RCVBUF: {error}"));
        }
    }

    /// Drives all of them until `done`; fails after `limit`.
    pub fn run(&mut self, what: &str, limit: Duration, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + limit;
        while !done(self) {
            assert!(
                Instant::now() < end,
                "waited {limit:?} in vain: {what}: {}",
                self.told()
            );
            self.turn();
        }
    }

    /// Drives all of them for so long.
    pub fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn();
        }
    }

    /// Who is not up, and why.
    pub fn told(&self) -> String {
        let down: Vec<String> = (0..self.sessions.len())
            .filter(|who| !self.sessions[*who].up)
            .map(|who| format!("{} ({:?})", self.peers.address(who), self.sessions[who].ended()))
            .collect();
        let some = down.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        format!(
            "{} of {} sessions are down: {some}",
            down.len(),
            self.sessions.len()
        )
    }

    fn turn(&mut self) {
        self.dial();
        self.keep_alive();
        for who in 0..self.sessions.len() {
            if !self.sessions[who].blocked {
                self.sessions[who].write();
            }
            self.watch(who);
        }
        let mut events = [EpollEvent::empty(); 256];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(PAUSE)) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => panic!("epoll: {error}"),
        };
        for event in &events[..count] {
            let Ok(who) = usize::try_from(event.data()) else {
                continue;
            };
            let session = &mut self.sessions[who];
            if event.events().contains(EpollFlags::EPOLLOUT) {
                session.blocked = false;
            }
            if session.reads {
                session.read(&self.space, &mut self.buffer);
            }
        }
    }

    fn dial(&mut self) {
        if Instant::now() < self.retry {
            return;
        }
        self.retry = Instant::now() + RETRY;
        let begun = |one: &&Session| one.stream.is_some() && !one.up;
        let room = TOGETHER.saturating_sub(self.sessions.iter().filter(begun).count());
        let waiting = self.sessions.iter_mut().filter(|one| one.stream.is_none());
        for session in waiting.take(room) {
            session
                .dial(&self.peers)
                .unwrap_or_else(|error| panic!("{}: {error}", session.address));
        }
    }

    fn keep_alive(&mut self) {
        let every = Duration::from_secs(u64::from(self.peers.hold / 3));
        if self.peers.hold == 0 || self.alive.elapsed() < every {
            return;
        }
        self.alive = Instant::now();
        let octets: Arc<[u8]> = message::keepalive().into();
        for session in self.sessions.iter_mut().filter(|one| one.up) {
            session.send(Arc::clone(&octets));
        }
    }

    /// Tells the kernel what is waited for, where that is new.
    fn watch(&mut self, who: usize) {
        let session = &mut self.sessions[who];
        let mut wanted = EpollFlags::empty();
        wanted.set(EpollFlags::EPOLLIN, session.reads);
        wanted.set(EpollFlags::EPOLLOUT, session.blocked);
        let Some(stream) = session
            .stream
            .as_ref()
            .filter(|_| session.watched != Some(wanted))
        else {
            return;
        };
        let mut event = EpollEvent::new(wanted, who as u64);
        let told = match session.watched.replace(wanted) {
            Some(_) => self.epoll.modify(stream, &mut event),
            None => self.epoll.add(stream, event),
        };
        told.unwrap_or_else(|error| panic!("epoll: {error}"));
    }
}
