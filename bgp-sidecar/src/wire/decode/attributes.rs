//! Path attributes of an UPDATE: where each ends, what is wrong with it, and what follows from that (RFC 7606).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::{told, values};
use crate::wire::attributes::{AsPath, NextHop, Origin, Raw, Segment};
use crate::wire::message::{Family, Nlri, Notification};
use crate::wire::negotiate::Negotiated;

/// Type codes.
pub(super) mod code {
    pub(crate) const ORIGIN: u8 = 1;
    pub(crate) const AS_PATH: u8 = 2;
    pub(crate) const NEXT_HOP: u8 = 3;
    pub(crate) const MED: u8 = 4;
    pub(crate) const LOCAL_PREF: u8 = 5;
    pub(crate) const ATOMIC_AGGREGATE: u8 = 6;
    pub(crate) const AGGREGATOR: u8 = 7;
    pub(crate) const COMMUNITIES: u8 = 8;
    pub(crate) const ORIGINATOR_ID: u8 = 9;
    pub(crate) const CLUSTER_LIST: u8 = 10;
    pub(crate) const MP_REACH: u8 = 14;
    pub(crate) const MP_UNREACH: u8 = 15;
    pub(crate) const EXTENDED_COMMUNITIES: u8 = 16;
    pub(crate) const AS4_PATH: u8 = 17;
    pub(crate) const AS4_AGGREGATOR: u8 = 18;
    pub(crate) const IPV6_EXTENDED_COMMUNITIES: u8 = 25;
    pub(crate) const LARGE_COMMUNITIES: u8 = 32;
}

/// Flags (RFC 4271 §4.3).
pub(super) mod flag {
    pub(crate) const OPTIONAL: u8 = 0x80;
    pub(crate) const TRANSITIVE: u8 = 0x40;
    pub(crate) const PARTIAL: u8 = 0x20;
    pub(crate) const EXTENDED: u8 = 0x10;
}

/// More are not remembered of one message: it may have thousands.
pub(super) const MOST_FAULTS: usize = 20;

/// What to do about a fault, the mildest first (RFC 7606 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Approach {
    Discard,
    Withdraw,
    Reset,
}

/// What is wrong, and what a session that ends for it is told.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) approach: Approach,
    pub(super) notification: Notification,
    pub(super) text: String,
}

/// One attribute as it lies in the message.
#[derive(Clone, Copy)]
pub(super) struct Tlv<'a> {
    pub(super) flags: u8,
    pub(super) code: u8,
    /// All of it.
    pub(super) whole: &'a [u8],
    /// From its length on.
    pub(super) counted: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Tlv<'_> {
    pub(super) fn extended(&self) -> bool {
        self.flags & flag::EXTENDED != 0
    }

    pub(super) fn fault(&self, approach: Approach, subcode: u8, text: &str) -> Fault {
        Fault {
            approach,
            notification: Notification::new(3, subcode, self.whole),
            text: format!("{}: {text}", told::attribute(self.code)),
        }
    }
}

/// MP_REACH_NLRI of a family that is exchanged.
pub(super) struct Reach {
    pub(super) next_hop: NextHop,
    pub(super) nlri: Vec<Nlri>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) origin: Option<Origin>,
    pub(super) as_path: Option<AsPath>,
    pub(super) next_hop: Option<Ipv4Addr>,
    pub(super) next_hop_fault: Option<Fault>,
    pub(super) med: Option<u32>,
    pub(super) local_pref: Option<u32>,
    pub(super) atomic_aggregate: bool,
    pub(super) aggregator: Option<(u32, Ipv4Addr)>,
    pub(super) communities: BTreeSet<u32>,
    pub(super) large_communities: BTreeSet<[u32; 3]>,
    pub(super) originator_id: Option<Ipv4Addr>,
    pub(super) cluster_list: Vec<Ipv4Addr>,
    pub(super) others: Vec<Raw>,
    pub(super) as4_path: Option<Vec<Segment>>,
    pub(super) as4_aggregator: Option<(u32, Ipv4Addr)>,
    pub(super) reach: Option<Reach>,
    pub(super) unreach: Option<(Family, Vec<Nlri>)>,
    pub(super) faults: Vec<Fault>,
    /// Type codes met.
    pub(super) seen: BTreeSet<u8>,
}

/// All of them. The error ends the session: after it nobody knows which prefixes were meant.
pub(super) fn parse(mut octets: &[u8], session: &Negotiated) -> Result<Parsed, Notification> {
    let mut parsed = Parsed::default();
    while !octets.is_empty() {
        let Some((tlv, after)) = first(octets) else {
            parsed.fault(truncated(octets))?;
            break;
        };
        if let Err(fault) = one(&tlv, session, &mut parsed) {
            parsed.fault(fault)?;
        }
        octets = after;
    }
    super::as4::merge(&mut parsed);
    Ok(parsed)
}

impl Parsed {
    /// Remembers it, or ends the session with it.
    fn fault(&mut self, fault: Fault) -> Result<(), Notification> {
        if fault.approach == Approach::Reset {
            return Err(fault.notification);
        }
        let worst = self.faults.iter().map(|fault| fault.approach).max();
        if self.faults.len() < MOST_FAULTS || Some(fault.approach) > worst {
            self.faults.push(fault);
        }
        Ok(())
    }
}

fn first(octets: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let [flags, code, counted @ ..] = octets else {
        return None;
    };
    let (length, rest) = match counted {
        [high, low, rest @ ..] if flags & flag::EXTENDED != 0 => (u16::from_be_bytes([*high, *low]), rest),
        [length, rest @ ..] if flags & flag::EXTENDED == 0 => (u16::from(*length), rest),
        _ => return None,
    };
    let (value, after) = rest.split_at_checked(usize::from(length))?;
    let tlv = Tlv {
        flags: *flags,
        code: *code,
        whole: octets.get(..octets.len() - after.len())?,
        counted: counted.get(..counted.len() - after.len())?,
        value,
    };
    Some((tlv, after))
}

/// RFC 7606 §4: the attributes' total length is what counts. Prefixes that the last attribute held are lost, though.
fn truncated(octets: &[u8]) -> Fault {
    let lost = matches!(octets.get(1), None | Some(&(code::MP_REACH | code::MP_UNREACH)));
    Fault {
        approach: if lost { Approach::Reset } else { Approach::Withdraw },
        notification: Notification::new(3, 1, []),
        text: "the last attribute is longer than all of them".to_owned(),
    }
}

fn one(tlv: &Tlv<'_>, session: &Negotiated, parsed: &mut Parsed) -> Result<(), Fault> {
    if !parsed.seen.insert(tlv.code) {
        return Err(twice(tlv));
    }
    let Some(rule) = rule(tlv.code) else {
        return unknown(tlv, parsed);
    };
    if !session.internal
        && matches!(
            tlv.code,
            code::LOCAL_PREF | code::ORIGINATOR_ID | code::CLUSTER_LIST
        )
    {
        return Err(tlv.fault(Approach::Discard, 0, "is not for an external peer to send"));
    }
    if session.as4 && matches!(tlv.code, code::AS4_PATH | code::AS4_AGGREGATOR) {
        return Err(tlv.fault(
            Approach::Discard,
            0,
            "is not for a peer with four-octet numbers to send",
        ));
    }
    if tlv.flags & (flag::OPTIONAL | flag::TRANSITIVE) != rule.flags {
        if rule.approach == Approach::Reset {
            // The prefixes in it are still needed, to be withdrawn.
            values::read(tlv, session, parsed)?;
        }
        return Err(misflagged(tlv));
    }
    if !(rule.length)(tlv.value.len(), session.as4) {
        return Err(tlv.fault(rule.approach, 5, "has a wrong length"));
    }
    values::read(tlv, session, parsed)
}

/// RFC 7606 §3 g.
fn twice(tlv: &Tlv<'_>) -> Fault {
    let approach = match tlv.code {
        code::MP_REACH | code::MP_UNREACH => Approach::Reset,
        _ => Approach::Discard,
    };
    Fault {
        notification: Notification::new(3, 1, []),
        ..tlv.fault(approach, 1, "occurs twice")
    }
}

/// RFC 7606 §3 c; RFC 6793 §6 for the two that old speakers pass on.
fn misflagged(tlv: &Tlv<'_>) -> Fault {
    let approach = match tlv.code {
        code::AS4_PATH | code::AS4_AGGREGATOR => Approach::Discard,
        _ => Approach::Withdraw,
    };
    tlv.fault(approach, 4, "has wrong flags")
}

/// RFC 4271 §5: passed on if it may be, with the word that somebody did not understand it.
fn unknown(tlv: &Tlv<'_>, parsed: &mut Parsed) -> Result<(), Fault> {
    if tlv.flags & flag::OPTIONAL == 0 {
        return Err(tlv.fault(Approach::Reset, 2, "is said to be well known and is not"));
    }
    if tlv.flags & flag::TRANSITIVE != 0 {
        parsed.others.push(Raw {
            flags: flag::OPTIONAL | flag::TRANSITIVE | flag::PARTIAL,
            code: tlv.code,
            value: tlv.value.to_vec(),
        });
    }
    Ok(())
}

/// What is known about an attribute.
struct Rule {
    flags: u8,
    approach: Approach,
    length: fn(usize, bool) -> bool,
}

/// RFC 7606 §7, one row each.
fn rule(code: u8) -> Option<Rule> {
    const WELL_KNOWN: u8 = flag::TRANSITIVE;
    const HOP: u8 = flag::OPTIONAL;
    const FAR: u8 = flag::OPTIONAL | flag::TRANSITIVE;
    const fn rule(flags: u8, approach: Approach, length: fn(usize, bool) -> bool) -> Option<Rule> {
        let rule = Rule {
            flags,
            approach,
            length,
        };
        Some(rule)
    }
    let any: fn(usize, bool) -> bool = |_, _| true;
    match code {
        code::ORIGIN => rule(WELL_KNOWN, Approach::Withdraw, |length, _| length == 1),
        code::AS_PATH => rule(WELL_KNOWN, Approach::Withdraw, any),
        code::NEXT_HOP => rule(WELL_KNOWN, Approach::Withdraw, any),
        code::MED => rule(HOP, Approach::Withdraw, |length, _| length == 4),
        code::LOCAL_PREF => rule(WELL_KNOWN, Approach::Withdraw, |length, _| length == 4),
        code::ATOMIC_AGGREGATE => rule(WELL_KNOWN, Approach::Discard, |length, _| length == 0),
        code::AGGREGATOR => rule(FAR, Approach::Discard, |length, as4| {
            length == if as4 { 8 } else { 6 }
        }),
        code::COMMUNITIES => rule(FAR, Approach::Withdraw, |length, _| multiple(length, 4)),
        code::ORIGINATOR_ID => rule(HOP, Approach::Withdraw, |length, _| length == 4),
        code::CLUSTER_LIST => rule(HOP, Approach::Withdraw, |length, _| multiple(length, 4)),
        code::MP_REACH | code::MP_UNREACH => rule(HOP, Approach::Reset, any),
        code::EXTENDED_COMMUNITIES => rule(FAR, Approach::Withdraw, |length, _| multiple(length, 8)),
        code::AS4_PATH => rule(FAR, Approach::Discard, any),
        code::AS4_AGGREGATOR => rule(FAR, Approach::Discard, |length, _| length == 8),
        code::IPV6_EXTENDED_COMMUNITIES => rule(FAR, Approach::Withdraw, |length, _| multiple(length, 20)),
        code::LARGE_COMMUNITIES => rule(FAR, Approach::Withdraw, |length, _| multiple(length, 12)),
        _ => None,
    }
}

fn multiple(length: usize, of: usize) -> bool {
    length != 0 && length.is_multiple_of(of)
}
