//! What two OPENs agree on (RFC 5492 §3 and the RFC of each capability).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::framing::{LONGEST, LONGEST_EXTENDED};
use super::message::{AddPath, Capabilities, Family, Open, Restart};

/// What a session may use. The default is what holds before the OPENs: nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// What both exchange (RFC 4760 §8).
    pub families: BTreeSet<Family>,
    /// AS numbers have four octets (RFC 6793 §4.1).
    pub as4: bool,
    /// The peer understands ROUTE-REFRESH (RFC 2918 §2).
    pub refresh: bool,
    /// Both mark where a refresh begins and ends (RFC 7313 §3.1).
    pub enhanced_refresh: bool,
    /// The peer restarts gracefully and so do we (RFC 4724 §3): its word, `notification` only if both said so
    /// (RFC 8538 §2).
    pub restart: Option<Restart>,
    /// `send`: we may send several paths; `receive`: the peer may (RFC 7911 §4).
    pub add_path: BTreeMap<Family, AddPath>,
    /// The longest message that the peer takes (RFC 8654 §3).
    pub max_send: usize,
    /// The longest message that we take.
    pub max_receive: usize,
    /// Hold time, seconds; 0 is forever (RFC 4271 §4.2).
    pub hold: u16,
    /// One AS on both sides (RFC 4271 §1.1).
    pub internal: bool,
    /// The peer's AS.
    pub number: u32,
    /// The peer's identifier.
    pub id: Ipv4Addr,
}

impl Default for Negotiated {
    fn default() -> Self {
        Self {
            families: BTreeSet::new(),
            as4: false,
            refresh: false,
            enhanced_refresh: false,
            restart: None,
            add_path: BTreeMap::new(),
            max_send: LONGEST,
            max_receive: LONGEST,
            hold: 0,
            internal: false,
            number: 0,
            id: Ipv4Addr::UNSPECIFIED,
        }
    }
}

impl Negotiated {
    /// Prefixes of this family arrive with path identifiers.
    pub fn receives_paths(&self, family: Family) -> bool {
        self.add_path.get(&family).is_some_and(|agreed| agreed.receive)
    }

    /// Prefixes of this family are sent with path identifiers.
    pub fn sends_paths(&self, family: Family) -> bool {
        self.add_path.get(&family).is_some_and(|agreed| agreed.send)
    }
}

/// What the two of them may use.
pub fn negotiate(ours: &Open, theirs: &Open) -> Negotiated {
    let (we, they) = (&ours.capabilities, &theirs.capabilities);
    let families: BTreeSet<_> = offered(we).intersection(&offered(they)).copied().collect();
    let add_path = families.iter().filter_map(|family| paths(*family, we, they));
    let longest = |extended| if extended { LONGEST_EXTENDED } else { LONGEST };
    Negotiated {
        as4: we.as4.is_some() && they.as4.is_some(),
        refresh: we.refresh && they.refresh,
        enhanced_refresh: we.enhanced_refresh && they.enhanced_refresh,
        restart: restart(we, they),
        add_path: add_path.collect(),
        max_send: longest(they.extended_message),
        max_receive: longest(we.extended_message),
        hold: ours.hold.min(theirs.hold),
        internal: ours.number == theirs.number,
        number: theirs.number,
        id: theirs.id,
        families,
    }
}

fn offered(capabilities: &Capabilities) -> BTreeSet<Family> {
    if capabilities.families.is_empty() {
        [Family::Ipv4].into()
    } else {
        capabilities.families.clone()
    }
}

fn restart(we: &Capabilities, they: &Capabilities) -> Option<Restart> {
    let (we, they) = (we.restart.as_ref()?, they.restart.clone()?);
    Some(Restart {
        notification: we.notification && they.notification,
        ..they
    })
}

fn paths(family: Family, we: &Capabilities, they: &Capabilities) -> Option<(Family, AddPath)> {
    let we = we.add_path.get(&family)?;
    let they = they.add_path.get(&family)?;
    let agreed = AddPath {
        send: we.send && they.receive,
        receive: we.receive && they.send,
    };
    (agreed.send || agreed.receive).then_some((family, agreed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(number: u32, hold: u16, capabilities: Capabilities) -> Open {
        Open {
            number,
            hold,
            id: Ipv4Addr::new(10, 0, 0, 1),
            capabilities,
        }
    }

    #[test]
    fn no_family_offered_stands_for_ipv4() {
        let both = Capabilities {
            families: Family::ALL.into(),
            ..Capabilities::default()
        };
        let agreed = negotiate(&open(1, 90, both), &open(1, 30, Capabilities::default()));
        assert_eq!(agreed.families, [Family::Ipv4].into());
        assert_eq!((agreed.hold, agreed.internal, agreed.as4), (30, true, false));
    }

    #[test]
    fn a_hold_time_of_nought_wins() {
        let plain = |hold| open(1, hold, Capabilities::default());
        assert_eq!(negotiate(&plain(90), &plain(0)).hold, 0);
    }

    #[test]
    fn paths_go_where_one_sends_and_the_other_receives() {
        let can = |send, receive| Capabilities {
            add_path: [(Family::Ipv4, AddPath { send, receive })].into(),
            ..Capabilities::default()
        };
        let agreed = negotiate(&open(1, 9, can(true, true)), &open(2, 9, can(true, false)));
        assert!(agreed.receives_paths(Family::Ipv4) && !agreed.sends_paths(Family::Ipv4));
        let agreed = negotiate(&open(1, 9, can(false, true)), &open(2, 9, can(false, true)));
        assert_eq!(agreed.add_path, BTreeMap::new());
    }

    #[test]
    fn the_notification_bit_needs_both() {
        let with = |notification| Capabilities {
            restart: Some(Restart {
                notification,
                time: 120,
                ..Restart::default()
            }),
            ..Capabilities::default()
        };
        let bit = |we, they| {
            let agreed = negotiate(&open(1, 9, with(we)), &open(1, 9, with(they)));
            agreed.restart.map(|restart| restart.notification)
        };
        assert_eq!((bit(true, true), bit(false, true)), (Some(true), Some(false)));
        let without = negotiate(&open(1, 9, Capabilities::default()), &open(1, 9, with(true)));
        assert_eq!(without.restart, None);
    }

    #[test]
    fn a_message_may_be_as_long_as_its_reader_said() {
        let long = Capabilities {
            extended_message: true,
            ..Capabilities::default()
        };
        let agreed = negotiate(&open(1, 9, long), &open(1, 9, Capabilities::default()));
        assert_eq!((agreed.max_send, agreed.max_receive), (4096, 65_535));
    }
}
