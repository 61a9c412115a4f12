//! This node's own record, and the first pools, where they are not there yet.
//!
//! What is registered already stays unless the settings say otherwise; nothing is written that is there. Another Node
//! with the same address is a refusal: two speakers of one address tear down each other's sessions. Whoever calls this
//! has judged the datastore first ([`crate::origin::withdrawal`]): a Node written into an emptied one hides that it is.

use ipnet::IpNet;
use jiff::Timestamp;
use shared::model::Stored as _;
use shared::model::clusterinformation::ClusterInformation;
use shared::model::key::{Key, Plural, Prefix};
use shared::model::node::Node;
use shared::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

use crate::autodetect::{Facts, Method, Question};
use crate::settings::{FirstPool, Identity};
use crate::wire::Family;

mod node;
mod pool;

/// What to register.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// This node's name.
    pub node: &'a str,
    /// What the settings say of it.
    pub identity: &'a Identity,
    /// The machine, with the answer for IPv4.
    pub ipv4_facts: &'a Facts,
    /// The machine, with the answer for IPv6.
    pub ipv6_facts: &'a Facts,
    /// The pool to make if there is none of IPv4.
    pub ipv4_pool: &'a FirstPool,
    /// The pool to make if there is none of IPv6.
    pub ipv6_pool: &'a FirstPool,
    /// Uids of what is made: the Node, the IPv4 pool, the IPv6 pool.
    pub uids: [&'a str; 3],
    /// Whether a Node made now is one of Kubernetes too.
    pub kubernetes: bool,
    /// What it is called there, where that was told.
    pub reference: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// The node's addresses, IPv4 first.
    pub addresses: Vec<IpNet>,
    /// What was made or changed, such as `Node worker-1` or `IPPool default-ipv4-ippool`.
    pub written: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Why this node cannot be registered. The text names the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Another Node has the address.
    #[error(
        "Node {other} has the address {address} already: give this node another by IP, IP6 or \
         IP_AUTODETECTION_METHOD, or delete Node {other} if it is gone"
    )]
    Conflict {
        /// The address.
        address: std::net::IpAddr,
        /// Who has it.
        other: String,
    },
    /// The node has no address at all.
    #[error("this node has no address to speak BGP from: {0}")]
    NoAddress(String),
    /// The first pool is not one that may be stored.
    #[error("the first pool cannot be made: {0}")]
    Pool(String),
    /// The datastore is locked by its operator.
    #[error("the datastore is locked (ClusterInformation datastoreReady is not true): unlock it first")]
    Locked,
    /// What is stored cannot be read.
    #[error("{0} cannot be read, and is left as it is: {1}")]
    Corrupt(String, String),
}

/// The Nodes, the pools, and whether the datastore is open.
pub fn reads() -> Reads {
    Reads::new()
        .prefix(Prefix::resources(Plural::Nodes))
        .prefix(Prefix::resources(Plural::IpPools))
        .key(ClusterInformation::only_key())
}

/// What must be found out before [`decide`], IPv4 first: nothing where no address is looked for, so that a start waits
/// for no name server and no API server that it does not need. `stored`: this node's record.
pub fn questions(identity: &Identity, stored: Option<&[u8]>) -> [Option<Question>; 2] {
    let speaker = stored.and_then(|bytes| Node::from_bytes(bytes).ok()?.speaker());
    let speaker = speaker.unwrap_or_default().0;
    let ask = |choice, registered: bool, family, method: &Method| {
        node::looks(choice, registered, family)
            .then(|| method.question())
            .flatten()
    };
    let (ipv4, ipv6) = (speaker.ipv4.is_some(), speaker.ipv6.is_some());
    [
        ask(&identity.ipv4, ipv4, Family::Ipv4, &identity.ipv4_method),
        ask(&identity.ipv6, ipv6, Family::Ipv6, &identity.ipv6_method),
    ]
}

/// What to write.
pub fn decide(snapshot: &Snapshot, request: &Request<'_>) -> Result<Decision<Registered>, RegisterError> {
    if !reads()
        .ranges
        .iter()
        .all(|range| snapshot.read_at(range).is_some())
    {
        return Ok(Decision::Read(reads()));
    }
    open(snapshot)?;
    let mut draft = Draft {
        snapshot,
        txn: Txn {
            otherwise: reads(),
            ..Txn::default()
        },
        registered: Registered::default(),
    };
    node::register(&mut draft, request)?;
    pool::first(&mut draft, request, Family::Ipv4)?;
    pool::first(&mut draft, request, Family::Ipv6)?;
    let Draft { txn, registered, .. } = draft;
    Ok(match txn.writes.is_empty() {
        true => Decision::Done(registered),
        false => Decision::Commit(txn, registered),
    })
}

/// A datastore without ClusterInformation is new, and open.
fn open(snapshot: &Snapshot) -> Result<(), RegisterError> {
    let Some(entry) = snapshot.get(&ClusterInformation::only_key()) else {
        return Ok(());
    };
    match ClusterInformation::from_bytes(&entry.value) {
        Ok(cluster) if cluster.is_ready() => Ok(()),
        Ok(_) => Err(RegisterError::Locked),
        Err(error) => Err(RegisterError::Corrupt(
            "ClusterInformation default".to_owned(),
            error.to_string(),
        )),
    }
}

/// The Txn being put together.
struct Draft<'s> {
    snapshot: &'s Snapshot,
    txn: Txn,
    registered: Registered,
}

impl Draft<'_> {
    /// Stores a resource; nothing of its kind may have changed meanwhile.
    fn put(&mut self, plural: Plural, key: Key, value: Vec<u8>, what: String) {
        let kind = Prefix::resources(plural);
        if let Some(revision) = self.snapshot.read_at(&Range::Prefix(kind.clone())) {
            self.txn.guard(Guard::NothingNewer(kind, revision));
        }
        self.txn.guard(self.snapshot.guard(&key));
        self.txn
            .guard(self.snapshot.guard(&ClusterInformation::only_key()));
        self.txn.write(Write::Put(key, value));
        self.registered.written.push(what);
    }
}

/// Every Node that can be read.
fn nodes(snapshot: &Snapshot) -> Vec<Node> {
    let prefix = Prefix::resources(Plural::Nodes);
    let read = snapshot
        .under(&prefix)
        .map(|(key, entry)| (key, entry.value.as_slice()));
    shared::model::bgp::read(read).0
}

#[cfg(test)]
mod tests;
