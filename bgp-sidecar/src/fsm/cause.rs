//! Why there is no session, and what follows from that.

use std::net::Ipv4Addr;

use super::State;
use crate::wire::notification::{CEASE, cease};
use crate::wire::{Family, Negotiated, Notification};

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
        /// Code, 6 but in a hard reset.
        code: u8,
        /// Subcode.
        subcode: u8,
        /// By a hard reset (RFC 8538 §3), of which code and subcode are the inner ones.
        hard: bool,
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
            (CEASE, cease::COLLISION) => Self::Collision,
            (CEASE, outer) => {
                let Notification { code, subcode, .. } = notification.inner();
                Self::RemoteCease {
                    code,
                    subcode,
                    hard: outer == cease::HARD_RESET,
                    text: notification.text(),
                }
            }
            (2, 4 | 7) => Self::Unsupported(notification),
            _ => Self::Remote(notification),
        }
    }

    /// The peer's routes are kept until it is back (RFC 4724 §4.2): after the loss of TCP, and after a NOTIFICATION if
    /// both said so (RFC 8538 §4). What was ended on purpose is over.
    pub fn keeps_routes(&self, agreed: &Negotiated) -> bool {
        let Some(restart) = &agreed.restart else {
            return false;
        };
        match self {
            Self::Tcp(_) | Self::PlannedStop | Self::Collision => true,
            Self::RemoteCease { hard: true, .. } | Self::LocalCease(_) | Self::NoPassword(_) => false,
            Self::RemoteCease { hard: false, .. }
            | Self::Remote(_)
            | Self::Unsupported(_)
            | Self::HoldTimer(_)
            | Self::Malformed(_)
            | Self::Unexpected(_)
            | Self::BadAs { .. }
            | Self::BadId(_)
            | Self::NoFamily { .. } => restart.notification,
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

impl From<Notification> for Cause {
    fn from(told: Notification) -> Self {
        Self::LocalCease(told)
    }
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        Self::Tcp(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Restart;

    #[test]
    fn a_cease_keeps_its_text_and_says_whom_to_ask() {
        let cause = Cause::received(Notification::shutdown(2, "moving rack 7"));
        assert_eq!(
            cause.to_string(),
            "the peer closed the session: Cease: Administrative Shutdown (6/2): \"moving rack 7\"; ask its operator"
        );
    }

    #[test]
    fn a_hard_reset_shows_what_is_inside_and_ends_the_grace() {
        let soft = Cause::received(Notification::shutdown(2, "bye"));
        let hard = Cause::received(Notification::shutdown(2, "bye").hard());
        assert!(
            hard.to_string()
                .contains("Hard Reset: Cease: Administrative Shutdown (6/2): \"bye\"")
        );
        let agreed = |notification| Negotiated {
            restart: Some(Restart {
                notification,
                ..Restart::default()
            }),
            ..Negotiated::default()
        };
        let lost = Cause::Tcp(Failure::Lost);
        let kept = |cause: &Cause| [true, false].map(|bit| cause.keeps_routes(&agreed(bit)));
        assert_eq!(kept(&lost), [true, true]);
        assert_eq!(kept(&soft), [true, false]);
        assert_eq!(kept(&hard), [false, false]);
        assert_eq!(kept(&Cause::LocalCease(Notification::cease(1))), [false, false]);
        assert!(!lost.keeps_routes(&Negotiated::default()));
    }

    #[test]
    fn a_collision_is_one_whoever_resolves_it() {
        assert_eq!(
            Cause::received(Notification::cease(cease::COLLISION)),
            Cause::Collision
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
                .starts_with("the peer is AS 4200002024, configured is AS 64512")
        );
    }
}
