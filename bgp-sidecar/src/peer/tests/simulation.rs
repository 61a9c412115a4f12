//! Two of ours against each other, every message at any time: one session stands in the end, the same for both.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// One TCP connection; `dialler` made it.
#[derive(Debug)]
struct Connection {
    dialler: usize,
    /// The other end has it.
    accepted: bool,
    /// By end: still held there.
    held: [bool; 2],
    /// What is on its way to each end; `None` is the end of the stream.
    pipes: [VecDeque<Option<Message>>; 2],
}

struct World {
    peers: [Peer; 2],
    connections: Vec<Connection>,
    retry: [bool; 2],
    /// By end: OPENs that wait there, and for how long is measured.
    late: [Vec<Side>; 2],
    /// Sessions that stood at an end and were lost there.
    lost: usize,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Accept(usize),
    Deliver(usize, usize),
    Retry(usize),
    Late(usize, Side),
}

fn machine(one: usize, ids: [u8; 2], passive: bool, restarting: bool) -> Peer {
    let session = Session {
        local_number: 64512,
        number: 64512,
        passive: passive && one == 1,
        ..session()
    };
    let start = Start {
        seed: one as u64,
        restarting,
        ..Start::default()
    };
    Peer::new(session, local([10, 0, 0, ids[one]]), start)
}

impl World {
    fn new(ids: [u8; 2], passive: bool) -> Self {
        let mut world = Self {
            peers: [0, 1].map(|one| machine(one, ids, passive, false)),
            connections: Vec::new(),
            retry: [false; 2],
            late: Default::default(),
            lost: 0,
        };
        (0..2).for_each(|one| world.begin(one));
        world
    }

    fn begin(&mut self, one: usize) {
        let actions = self.peers[one].step(PeerEvent::Start);
        self.act(one, None, actions);
    }

    /// Dies and starts again; the other side may hear nothing of it.
    fn crash(&mut self, one: usize, again: Peer, heard: bool) {
        for connection in &mut self.connections {
            if std::mem::take(&mut connection.held[one]) && heard {
                connection.pipes[1 - one].push_back(None);
            }
        }
        self.peers[one] = again;
        self.retry[one] = false;
        self.late[one].clear();
        self.begin(one);
    }

    /// Until nothing is left to happen.
    fn run(&mut self, choices: &[prop::sample::Index]) {
        for choice in choices {
            let steps = self.possible();
            if steps.is_empty() {
                break;
            }
            self.take(steps[choice.index(steps.len())]);
        }
    }

    /// The connection that an end is established over.
    fn session(&self, end: usize) -> Option<usize> {
        let side = self.peers[end].established()?;
        self.held(end, side)
    }

    fn side(&self, connection: usize, end: usize) -> Side {
        if self.connections[connection].dialler == end {
            Side::Out
        } else {
            Side::In
        }
    }

    /// The connection that a peer means by a side.
    fn held(&self, end: usize, side: Side) -> Option<usize> {
        let is = |at: &usize| self.connections[*at].held[end] && self.side(*at, end) == side;
        (0..self.connections.len()).rfind(is)
    }

    fn dial(&mut self, end: usize) {
        self.connections.push(Connection {
            dialler: end,
            accepted: false,
            held: [end == 0, end == 1],
            pipes: Default::default(),
        });
    }

    /// The other end reads that the stream is over.
    fn hang_up(&mut self, end: usize, side: Side) {
        if let Some(at) = self.held(end, side) {
            let connection = &mut self.connections[at];
            connection.held[end] = false;
            connection.pipes[1 - end].push_back(None);
        }
    }

    fn act(&mut self, end: usize, mut accepted: Option<usize>, actions: Vec<PeerAction>) {
        for action in actions {
            match action {
                PeerAction::Connect => self.dial(end),
                PeerAction::Adopt => {
                    let at = accepted.take().unwrap();
                    self.connections[at].held[end] = true;
                }
                PeerAction::Reject => {
                    let at = accepted.take().unwrap();
                    self.connections[at].pipes[1 - end].push_back(None);
                }
                PeerAction::Drop(side) => self.hang_up(end, side),
                PeerAction::Send(side, message) => {
                    let at = self.held(end, side).unwrap();
                    self.connections[at].pipes[1 - end].push_back(Some(message));
                }
                PeerAction::ArmRetry(_) => self.retry[end] = true,
                PeerAction::DisarmRetry => self.retry[end] = false,
                PeerAction::Arm(side, Timer::ConnectRetry, _)
                    if self.peers[end].fsm(side).state() == State::OpenSent =>
                {
                    self.late[end].push(side);
                }
                PeerAction::Disarm(side, Timer::ConnectRetry) => self.late[end].retain(|one| *one != side),
                PeerAction::Down(_) => self.lost += 1,
                PeerAction::Arm(..)
                | PeerAction::Disarm(..)
                | PeerAction::Up(..)
                | PeerAction::Failed(..)
                | PeerAction::Deliver(_) => {}
            }
        }
    }

    /// What may happen next: what takes a second only when nothing else does.
    fn possible(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (at, connection) in self.connections.iter().enumerate() {
            if !connection.accepted && connection.held[connection.dialler] {
                steps.push(Step::Accept(at));
            }
            let full = |end: &usize| connection.held[*end] && !connection.pipes[*end].is_empty();
            steps.extend((0..2).filter(full).map(|end| Step::Deliver(at, end)));
        }
        if steps.is_empty() {
            steps.extend((0..2).filter(|end| self.retry[*end]).map(Step::Retry));
            let late = |end: usize| self.late[end].iter().map(move |side| Step::Late(end, *side));
            steps.extend((0..2).flat_map(late));
        }
        steps
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Accept(at) => {
                let dialler = self.connections[at].dialler;
                self.connections[at].accepted = true;
                let actions = on(&mut self.peers[dialler], Side::Out, Event::TcpConnected);
                self.act(dialler, None, actions);
                let actions = self.peers[1 - dialler].step(PeerEvent::Accepted);
                self.act(1 - dialler, Some(at), actions);
            }
            Step::Deliver(at, end) => {
                let side = self.side(at, end);
                let event = match self.connections[at].pipes[end].pop_front().unwrap() {
                    Some(message) => Event::from(Ok(message)),
                    None => Event::TcpConnectionFails(Failure::Lost),
                };
                let actions = on(&mut self.peers[end], side, event);
                self.act(end, None, actions);
            }
            Step::Retry(end) => {
                self.retry[end] = false;
                let actions = self.peers[end].step(PeerEvent::RetryTimerExpires);
                self.act(end, None, actions);
            }
            Step::Late(end, side) => {
                self.late[end].retain(|one| *one != side);
                let actions = on(&mut self.peers[end], side, Event::ConnectRetryTimerExpires);
                self.act(end, None, actions);
            }
        }
    }
}

proptest! {
    #[test]
    fn two_peers_come_to_one_session(
        ids in prop_oneof![Just([1, 2]), Just([2, 1])],
        passive: bool,
        choices in proptest::collection::vec(any::<prop::sample::Index>(), 400),
    ) {
        let mut world = World::new(ids, passive);
        world.run(&choices);
        prop_assert!(world.session(0).is_some(), "{:?}", world.connections);
        prop_assert_eq!(world.session(0), world.session(1));
        prop_assert!(world.possible().is_empty());
        prop_assert_eq!(world.lost, 0, "a session that stood somewhere was closed in favour of another");
    }

    #[test]
    fn a_peer_that_crashed_is_back_in_the_one_session(
        ids in prop_oneof![Just([1, 2]), Just([2, 1])],
        passive: bool,
        (one, heard) in (0..2_usize, any::<bool>()),
        before in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        after in proptest::collection::vec(any::<prop::sample::Index>(), 400),
    ) {
        let mut world = World::new(ids, passive);
        world.run(&before);
        // One that never dials comes back when the other has noticed.
        let heard = heard || (passive && one == 1) || world.session(1 - one).is_none();
        world.crash(one, machine(one, ids, passive, true), heard);
        world.run(&after);
        prop_assert!(world.session(0).is_some(), "{:?}", world.connections);
        prop_assert_eq!(world.session(0), world.session(1));
        prop_assert!(world.possible().is_empty());
    }
}
