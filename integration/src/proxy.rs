//! Edge: a proxy before etcd, inside a node's namespace, that loses replies, holds bytes back and delivers late. It knows
//! nothing of what it carries: a request or a reply is what one `read` brings, and a fault hits one of them by its number, so
//! that a test that tries every number meets every point between a request and its reply.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use crate::netns::Netns;
use crate::wait::PATIENCE;

/// What happens to the traffic from now on, once; parts are counted from 1, in each direction for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// All of it goes through at once.
    #[default]
    None,
    /// This part of the replies is dropped, and its connection closed.
    CutReply(u32),
    /// This part of the requests stays here until [`Proxy::release`].
    HoldRequest(u32),
    /// The same for the replies.
    HoldReply(u32),
    /// Every part waits for up to 50 ms, each by its own number of this seed.
    Delay(u32),
}

/// What becomes of a part that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It goes on.
    Deliver,
    /// It is dropped, and its connection closed.
    Drop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Reply,
}

#[derive(Default)]
struct State {
    fault: Fault,
    requests: u32,
    replies: u32,
    /// Parts that were read and not yet written.
    under_way: u32,
    is_held: bool,
    released: Option<Held>,
    /// The fault has happened.
    struck: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A running proxy; its threads end with their connections.
pub struct Proxy {
    shared: Arc<Shared>,
    /// What a netconf calls `etcd_endpoints`.
    pub endpoint: String,
}

impl Proxy {
    /// Listens at 127.0.0.`last` of the namespace, which nobody else has, for etcd at `to` (`http://address:port`).
    pub fn start(netns: &Netns, last: u8, to: &str) -> Self {
        let address = format!("127.0.0.{last}:2379");
        let endpoint = format!("http://{address}");
        let listener = netns
            .enter(|| TcpListener::bind(&address))
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        let shared = Arc::new(Shared::default());
        let (inside, all) = (netns.open(), Arc::clone(&shared));
        let to = to.trim_start_matches("http://").to_owned();
        thread::spawn(move || {
            // Threads inherit the namespace of the one that starts them.
            setns(&inside, CloneFlags::CLONE_NEWNET).unwrap_or_else(|error| panic!("setns: {error}"));
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(&to) {
                    carry(client, server, &all);
                }
            }
        });
        Self { shared, endpoint }
    }

    /// The next parts count from 1, and this happens to them.
    pub fn arm(&self, fault: Fault) {
        let mut state = self.shared.lock();
        let under_way = state.under_way;
        *state = State {
            fault,
            under_way,
            ..State::default()
        };
    }

    /// Whether the fault has happened.
    pub fn has_struck(&self) -> bool {
        self.shared.lock().struck
    }

    /// Whether a part is being held now.
    pub fn is_holding(&self) -> bool {
        self.shared.lock().is_held
    }

    /// Lets go of what is held, and waits until it is on its way.
    pub fn release(&self, held: Held) {
        let mut state = self.shared.lock();
        state.released = Some(held);
        self.shared.changed.notify_all();
        drop(state);
        self.settle();
    }

    /// Waits until nothing is under way.
    pub fn settle(&self) {
        let state = self.shared.lock();
        let busy = |state: &mut State| state.under_way > 0;
        let (_state, timeout) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, busy)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "the proxy still holds something");
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a part, and answers whether it goes on; it takes as long as the fault says.
    fn pass(&self, way: Way) -> bool {
        let mut state = self.lock();
        let count = match way {
            Way::Request => &mut state.requests,
            Way::Reply => &mut state.replies,
        };
        *count += 1;
        let number = *count;
        let hit = match state.fault {
            Fault::None => false,
            Fault::CutReply(at) | Fault::HoldReply(at) => way == Way::Reply && at == number,
            Fault::HoldRequest(at) => way == Way::Request && at == number,
            Fault::Delay(seed) => {
                drop(state);
                thread::park_timeout(Duration::from_millis(u64::from(spread(seed, number) % 51)));
                return true;
            }
        };
        if !hit {
            return true;
        }
        state.struck = true;
        if matches!(state.fault, Fault::CutReply(_)) {
            return false;
        }
        state.is_held = true;
        let wait = |state: &mut State| state.released.is_none();
        let mut state = self
            .changed
            .wait_while(state, wait)
            .unwrap_or_else(PoisonError::into_inner);
        state.is_held = false;
        state.released == Some(Held::Deliver)
    }

    fn count(&self, under_way: bool) {
        let mut state = self.lock();
        state.under_way = if under_way {
            state.under_way + 1
        } else {
            state.under_way - 1
        };
        self.changed.notify_all();
    }
}

/// A number from two, spread evenly: the same in every run.
pub fn spread(seed: u32, number: u32) -> u32 {
    let mixed = seed.wrapping_mul(2_654_435_769) ^ number.wrapping_mul(2_246_822_519);
    (mixed ^ mixed >> 15).wrapping_mul(2_654_435_769) >> 8
}

fn carry(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    let copies = (client.try_clone(), server.try_clone());
    let (Ok(to_client), Ok(to_server)) = copies else {
        return;
    };
    for (from, to, way) in [(client, to_server, Way::Request), (server, to_client, Way::Reply)] {
        let shared = Arc::clone(shared);
        thread::spawn(move || forward(from, to, way, &shared));
    }
}

/// Carries one direction. The end of a client does not end its server's connection, or what the client sent last might be
/// given up half way: the server's next part finds nobody, and ends it.
fn forward(mut from: TcpStream, mut to: TcpStream, way: Way, shared: &Shared) {
    let mut buffer = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        shared.count(true);
        let goes_on = shared.pass(way) && to.write_all(&buffer[..length]).is_ok();
        shared.count(false);
        if !goes_on {
            drop(to.shutdown(Shutdown::Both));
            drop(from.shutdown(Shutdown::Both));
            return;
        }
    }
    if way == Way::Reply {
        drop(to.shutdown(Shutdown::Both));
    }
}
