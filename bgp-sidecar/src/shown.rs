//! What the sidecar says of itself: JSON for `cnictl`, with CalicoNodeStatus' names where it has them, and Prometheus'
//! text. Pure: a [`Question`], the speaker and some [`Facts`] in, a [`Response`] out.

mod metrics;
mod peers;
mod question;
mod routes;
mod since;
mod state;
mod word;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

pub use question::{Door, read};
pub use since::Since;

use crate::calls::Tally;
use crate::cluster::Picture;
use crate::session::{Kind, PeerKey};
use crate::speaker::Speaker;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `/v1/peers`
    Peers,
    /// `/v1/routes?peer=&dir=`
    Routes(Whom, Direction),
    /// `/v1/state`
    State,
    /// `/metrics`
    Metrics,
    /// `/readyz`
    Ready,
    /// `/livez`
    Live,
}

/// Which peer; without a port, the one with this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whom {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: Option<u16>,
}

/// Whose routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer has sent them.
    Received,
    /// The peer has been told.
    Advertised,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `application/json`
    Json,
    /// Words for people.
    Text,
    /// Prometheus' text format.
    Metrics,
}

impl Content {
    /// `Content-Type`.
    pub fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// RFC 9110 §15.
    pub status: u16,
    /// What the body is.
    pub content: Content,
    /// The body.
    pub body: String,
}

impl Response {
    /// Words, ended by a newline.
    pub fn text(status: u16, words: impl std::fmt::Display) -> Self {
        Self {
            status,
            content: Content::Text,
            body: format!("{words}\n"),
        }
    }

    fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string_pretty(value) {
            Ok(body) => Self {
                status: 200,
                content: Content::Json,
                body: body + "\n",
            },
            Err(error) => Self::text(500, format_args!("this cannot be written as JSON: {error}")),
        }
    }
}

/// What is known beside the speaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// This node's name.
    pub node: String,
    /// The program's version.
    pub version: String,
    /// The time of the question.
    pub now: Timestamp,
    /// When the program started.
    pub started: Timestamp,
    /// Since when peers are as they are.
    pub since: Since,
    /// What the speaker was configured with, last.
    pub picture: Option<Arc<Picture>>,
    /// The datastore.
    pub datastore: Datastore,
    /// Releases that wait for the datastore.
    pub spool: Spool,
    /// Routes to pods that were put back.
    pub restored: u64,
    /// This node's share of address management.
    pub ipam: Ipam,
    /// Of this node's pods, by pool.
    pub used: BTreeMap<String, u64>,
    /// Calls of the plugins.
    pub calls: Tally,
    /// By name; only where this node counts for all.
    pub pools: BTreeMap<String, Pool>,
}

/// How fresh the picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Datastore {
    /// When it was heard from last; `None` is never since the start.
    pub heard: Option<Timestamp>,
    /// It does not answer.
    pub away: bool,
}

/// What the plugins could not give back and left for later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spool {
    /// Files that wait.
    pub depth: u64,
    /// Carried out by this process.
    pub carried_out: u64,
    /// Files that wait in vain, each with the cluster that it is owed to: not this one.
    pub foreign: Vec<String>,
}

/// A node's share of address management; what is not known is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ipam {
    /// Blocks with a confirmed affinity, by family: `ipv4`, `ipv6`.
    pub blocks: BTreeMap<&'static str, u64>,
    /// How many it may have (`maxBlocksPerHost`), by family; only of families that have a pool.
    pub block_limit: BTreeMap<&'static str, u64>,
    /// Addresses of this node's pods.
    pub addresses_used: Option<u64>,
    /// Of those, out of other nodes' blocks.
    pub borrowed_in: Option<u64>,
    /// Addresses of own blocks that other nodes' pods have.
    pub borrowed_out: Option<u64>,
}

/// How full a pool is.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its range.
    pub cidr: String,
    /// Its addresses.
    pub size: f64,
    /// Those in blocks that hosts hold, where they can be counted.
    pub used: Option<f64>,
}

/// The answer.
pub fn answer(question: &Question, speaker: &Speaker, facts: &Facts) -> Response {
    match question {
        Question::Peers => Response::json(&peers::all(speaker, facts)),
        Question::Routes(whom, direction) => routes::answer(*whom, *direction, speaker),
        Question::State => Response::json(&state::of(speaker, facts)),
        Question::Metrics => Response {
            status: 200,
            content: Content::Metrics,
            body: metrics::text(speaker, facts),
        },
        Question::Ready => match state::not_ready(speaker, facts) {
            reasons if reasons.is_empty() => Response::text(200, "ok"),
            reasons => Response::text(503, reasons.join("\n")),
        },
        Question::Live => Response::text(200, "ok"),
    }
}

/// Address, and port where it is not BGP's own.
fn named(key: PeerKey) -> String {
    match (key.address, key.port) {
        (address, 179) => address.to_string(),
        (address, port) => std::net::SocketAddr::new(address, port).to_string(),
    }
}

/// To the second (RFC 3339).
fn time(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// In CalicoNodeStatus' words.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Mesh => "NodeMesh",
        Kind::Node => "NodePeer",
        Kind::Global => "GlobalPeer",
    }
}

#[cfg(test)]
mod tests;
