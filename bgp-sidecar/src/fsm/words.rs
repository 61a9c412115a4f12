//! Causes in words that say what to do about them.

use std::fmt::{self, Display, Formatter};

use super::cause::{Cause, Failure};
use crate::wire::notification::describe;
use crate::wire::{Family, Notification};

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => {
                "connection refused: nothing listens there, or not for us; start BGP on the peer \
                 or correct its port"
            }
            Self::NoRoute => "no route to the peer: check its address, the interface and the node's routes",
            Self::Timeout => {
                "the peer does not answer: is it up, and does a firewall let TCP port 179 through?"
            }
            Self::Md5 => "the peer does not answer: it is down, or has no password or another one",
            Self::Lost => "the connection was lost: the peer has stopped or the path to it is broken",
            Self::Restarted => "the peer has restarted and connected anew",
        })
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Tcp(failure) => failure.to_string(),
            Self::BadAs { expected, got } => {
                format!("the peer is AS {got}, configured is AS {expected}: correct the BGPPeer's asNumber")
            }
            Self::BadId(id) => format!("the peer has our own router ID {id}: give one of the nodes another"),
            Self::NoFamily { ours, theirs } => {
                let (we, they) = (Families(ours), Families(theirs));
                format!(
                    "nothing to exchange: we offer {we}, the peer offers {they}; enable one on both sides"
                )
            }
            Self::HoldTimer(seconds) => {
                format!(
                    "hold timer expired: the peer was silent for {seconds} s; it hangs or the path is broken"
                )
            }
            Self::RemoteCease {
                code,
                subcode,
                hard,
                text,
            } => closed((*code, *subcode), *hard, text.as_deref()),
            Self::Remote(error) => reported(error, "compare the configuration of both sides"),
            Self::Unsupported(error) => reported(error, "the next attempt goes without capabilities"),
            Self::LocalCease(told) => format!("closed by this node: {}", describe(told)),
            Self::PlannedStop => "this node restarts its BGP".to_owned(),
            Self::Collision => "closed in favour of another connection with the same peer".to_owned(),
            Self::Malformed(error) => {
                let error = describe(error);
                format!("the peer sent a malformed message: {error}; capture it and report it to its vendor")
            }
            Self::Unexpected(state) => {
                format!("the peer sent what it must not in {state}: report it to its vendor")
            }
            Self::NoPassword(why) => format!("the password cannot be read: {why}; no session without it"),
        })
    }
}

fn reported(error: &Notification, advice: &str) -> String {
    format!("the peer reports {}; {advice}", describe(error))
}

fn closed((code, subcode): (u8, u8), hard: bool, text: Option<&str>) -> String {
    let said = describe(&Notification::new(code, subcode, []));
    let hard = if hard { "Hard Reset: " } else { "" };
    let text = text.map(|text| format!(": \"{text}\"")).unwrap_or_default();
    format!("the peer closed the session: {hard}{said}{text}; ask its operator")
}

struct Families<'a>(&'a [Family]);

impl Display for Families<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = |family: &Family| match family {
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
        };
        let names: Vec<_> = self.0.iter().map(name).collect();
        f.write_str(if names.is_empty() { "IPv4" } else { "" })?;
        f.write_str(&names.join(" and "))
    }
}
