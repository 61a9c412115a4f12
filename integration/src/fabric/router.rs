//! What is seen of a router, whatever its make.

use std::collections::BTreeSet;

use crate::wait::eventually;

/// A route in a router's table.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// To here.
    pub prefix: String,
    /// By this router; `None` for what it has of its own.
    pub next_hop: Option<String>,
    /// AS_PATH, nearest first.
    pub as_path: Vec<u32>,
    /// Communities as `65000:1`.
    pub communities: Vec<String>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ORIGINATOR_ID (RFC 4456).
    pub originator: Option<String>,
    /// CLUSTER_LIST (RFC 4456).
    pub clusters: Vec<String>,
    /// Whether it is the one the router uses.
    pub best: bool,
}

/// A session of a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The neighbour's address.
    pub neighbour: String,
    /// Whether it is Established.
    pub up: bool,
    /// The state in the router's own word.
    pub state: String,
}

/// A router of any make.
pub trait Router: Send + Sync {
    /// What its BGP knows, of both families.
    fn routes(&self) -> Vec<Route>;
    /// Its sessions.
    fn sessions(&self) -> Vec<Session>;
    /// Everything it can say, for a failure.
    fn told(&self) -> String;
    /// SIGSTOP (true) or SIGCONT (false) to its BGP: the kernel still takes what is sent to it.
    fn freeze(&self, frozen: bool);
}

/// What tests ask of a router, of any make.
pub trait Watched: Router {
    /// Waits for a session to be Established.
    fn up(&self, neighbour: &str) {
        let is_it = |session: &Session| session.neighbour == neighbour && session.up;
        self.must(&format!("the session with {neighbour} is up"), || {
            self.sessions().iter().any(is_it).then_some(())
        });
    }

    /// Waits for a route to a prefix by a next hop.
    fn learns(&self, prefix: &str, next_hop: &str) -> Route {
        self.must(&format!("{prefix} by {next_hop}"), || {
            self.route(prefix, next_hop)
        })
    }

    /// Waits until there is no route to a prefix.
    fn loses(&self, prefix: &str) {
        self.must(&format!("no route to {prefix}"), || {
            (!self.prefixes().contains(prefix)).then_some(())
        });
    }

    /// The route to a prefix by a next hop.
    fn route(&self, prefix: &str, next_hop: &str) -> Option<Route> {
        let is_it = |route: &Route| route.prefix == prefix && route.next_hop.as_deref() == Some(next_hop);
        self.routes().into_iter().find(is_it)
    }

    /// Every prefix it has a route to.
    fn prefixes(&self) -> BTreeSet<String> {
        self.routes().into_iter().map(|route| route.prefix).collect()
    }

    /// [`eventually`]; in the end the router says what it has.
    fn must<T>(&self, what: &str, check: impl FnMut() -> Option<T>) -> T {
        let speaks = Speaks(|| self.told());
        let value = eventually(what, check);
        drop(speaks);
        value
    }
}

impl<R: Router + ?Sized> Watched for R {}

/// Says something when the test fails while it lives.
pub(crate) struct Speaks<F: Fn() -> String>(pub(crate) F);

impl<F: Fn() -> String> Drop for Speaks<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", (self.0)());
        }
    }
}
