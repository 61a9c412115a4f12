//! Why there is no session, in words that say what to do about it.

use std::fmt::{self, Display, Formatter};
use std::net::Ipv4Addr;

use super::State;
use crate::wire::notification::{CEASE, describe};
use crate::wire::{Family, Notification};

/// How TCP failed (RFC 4271 §8.1.4, event 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// ECONNREFUSED.
    Refused,
    /// ENETUNREACH, EHOSTUNREACH, or no address to dial from.
    NoRoute,
    /// ETIMEDOUT.
    Timeout,
    /// The same, with a password: a segment with a wrong digest is dropped in silence (RFC 2385 §2).
    Md5,
    /// End of stream or ECONNRESET on a connection that stood.
    Lost,
    /// The peer has made a new connection, so this one is dead (RFC 4724 §5).
    Restarted,
}

/// Why a connection ended or there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// TCP.
    Tcp(Failure),
    /// The peer's OPEN names another AS.
    BadAs {
        /// As configured.
        expected: u32,
        /// As the peer has it.
        got: u32,
    },
    /// An internal peer has our own identifier (RFC 6286 §2.2).
    BadId(Ipv4Addr),
    /// Nothing to exchange: what each side offers.
    NoFamily {
        /// We.
        ours: Vec<Family>,
        /// They; empty stands for IPv4.
        theirs: Vec<Family>,
    },
    /// The peer was silent for so many seconds.
    HoldTimer(u16),
    /// The peer ended it (RFC 4486).
    RemoteCease {
        /// Code, 6.
        code: u8,
        /// Subcode.
        subcode: u8,
        /// What its operator says (RFC 9003).
        text: Option<String>,
    },
    /// The peer found an error.
    Remote(Notification),
    /// The peer takes no capabilities, or misses one (2/4, 2/7).
    Unsupported(Notification),
    /// We ended it.
    LocalCease(Notification),
    /// We restart.
    PlannedStop,
    /// Another connection survived (RFC 4271 §6.8).
    Collision,
    /// The peer sent something malformed.
    Malformed(Notification),
    /// The peer sent what it must not in this state.
    Unexpected(State),
    /// The password cannot be had, and why.
    NoPassword(String),
}

impl Cause {
    /// What a NOTIFICATION received in this state stands for.
    pub fn received(notification: Notification) -> Self {
        match (notification.code, notification.subcode) {
            (CEASE, subcode) => Self::RemoteCease {
                code: CEASE,
                subcode,
                text: notification.text(),
            },
            (2, 4 | 7) => Self::Unsupported(notification),
            _ => Self::Remote(notification),
        }
    }

    /// Trying again at once would end the same way.
    pub fn persistent(&self) -> bool {
        match self {
            Self::Tcp(_)
            | Self::HoldTimer(_)
            | Self::Collision
            | Self::PlannedStop
            | Self::Unsupported(_) => false,
            Self::BadAs { .. }
            | Self::BadId(_)
            | Self::NoFamily { .. }
            | Self::RemoteCease { .. }
            | Self::Remote(_)
            | Self::LocalCease(_)
            | Self::Malformed(_)
            | Self::Unexpected(_)
            | Self::NoPassword(_) => true,
        }
    }
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        Self::Tcp(failure)
    }
}

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
        match self {
            Self::Tcp(failure) => failure.fmt(f),
            Self::BadAs { expected, got } => {
                write!(
                    f,
                    "the peer is AS {got} and AS {expected} is configured: correct the BGPPeer's asNumber"
                )
            }
            Self::BadId(id) => {
                write!(
                    f,
                    "the peer has our own router ID {id}: give one of the two nodes another"
                )
            }
            Self::NoFamily { ours, theirs } => write!(
                f,
                "nothing to exchange: we offer {}, the peer offers {}; enable one on both sides",
                Families(ours),
                Families(theirs)
            ),
            Self::HoldTimer(seconds) => {
                write!(
                    f,
                    "hold timer expired: nothing from the peer for {seconds} s; it hangs or the path is broken"
                )
            }
            Self::RemoteCease { code, subcode, text } => {
                let cease = describe(&Notification::new(*code, *subcode, []));
                write!(f, "the peer closed the session: {cease}")?;
                text.as_ref().map_or(Ok(()), |text| write!(f, ": \"{text}\""))?;
                write!(f, "; ask its operator")
            }
            Self::Remote(notification) => {
                write!(
                    f,
                    "the peer reports {}; compare the configuration of both sides",
                    describe(notification)
                )
            }
            Self::Unsupported(notification) => write!(
                f,
                "the peer reports {}; the next attempt goes without capabilities",
                describe(notification)
            ),
            Self::LocalCease(notification) => write!(f, "closed by this node: {}", describe(notification)),
            Self::PlannedStop => f.write_str("this node restarts its BGP"),
            Self::Collision => f.write_str("closed in favour of the connection that the other side made"),
            Self::Malformed(notification) => {
                write!(
                    f,
                    "the peer sent a malformed message: {}; capture it and report it to its vendor",
                    describe(notification)
                )
            }
            Self::Unexpected(state) => write!(
                f,
                "the peer sent what it must not in {state}: report it to its vendor"
            ),
            Self::NoPassword(why) => write!(f, "the password cannot be read: {why}; no session without it"),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cease_keeps_its_text_and_says_whom_to_ask() {
        let cause = Cause::received(Notification::shutdown(2, "moving rack 7"));
        assert_eq!(
            cause.to_string(),
            "the peer closed the session: Cease: Administrative Shutdown (6/2): \"moving rack 7\"; ask its operator"
        );
    }

    #[test]
    fn no_capabilities_is_told_from_other_errors() {
        let of = |code, subcode| Cause::received(Notification::new(code, subcode, []));
        assert!(matches!(of(2, 4), Cause::Unsupported(_)));
        assert!(matches!(of(2, 7), Cause::Unsupported(_)));
        assert!(matches!(of(2, 2), Cause::Remote(_)));
    }

    #[test]
    fn what_is_offered_is_named() {
        let cause = Cause::NoFamily {
            ours: vec![Family::Ipv6],
            theirs: vec![],
        };
        assert!(cause.to_string().contains("we offer IPv6, the peer offers IPv4;"));
    }

    #[test]
    fn a_wrong_as_names_both_numbers() {
        let cause = Cause::BadAs {
            expected: 64512,
            got: 4_200_002_024,
        };
        assert!(
            cause
                .to_string()
                .starts_with("the peer is AS 4200002024 and AS 64512 is configured")
        );
    }
}
