//! What a person is told of a fault: the attribute by its name, and what became of the prefixes.

use super::attributes::{Approach, Fault, code};
use crate::wire::message::Nlri;

/// More are not named.
const MOST_PREFIXES: usize = 3;

/// An attribute by its name in the RFCs, where it has one.
pub(super) fn attribute(number: u8) -> String {
    let name = match number {
        code::ORIGIN => "ORIGIN",
        code::AS_PATH => "AS_PATH",
        code::NEXT_HOP => "NEXT_HOP",
        code::MED => "MULTI_EXIT_DISC",
        code::LOCAL_PREF => "LOCAL_PREF",
        code::ATOMIC_AGGREGATE => "ATOMIC_AGGREGATE",
        code::AGGREGATOR => "AGGREGATOR",
        code::COMMUNITIES => "COMMUNITIES",
        code::ORIGINATOR_ID => "ORIGINATOR_ID",
        code::CLUSTER_LIST => "CLUSTER_LIST",
        code::MP_REACH => "MP_REACH_NLRI",
        code::MP_UNREACH => "MP_UNREACH_NLRI",
        code::EXTENDED_COMMUNITIES => "EXTENDED COMMUNITIES",
        code::AS4_PATH => "AS4_PATH",
        code::AS4_AGGREGATOR => "AS4_AGGREGATOR",
        code::IPV6_EXTENDED_COMMUNITIES => "IPv6 EXTENDED COMMUNITIES",
        code::LARGE_COMMUNITIES => "LARGE_COMMUNITIES",
        other => return format!("attribute {other}"),
    };
    format!("{name} (attribute {number})")
}

/// The fault with what follows from it (RFC 7606 §2). `lost`: what the message announces, where that is not believed.
pub(super) fn fault(fault: &Fault, lost: &[Nlri]) -> String {
    let text = &fault.text;
    match fault.approach {
        Approach::Discard => format!("{text} (left out, RFC 7606)"),
        Approach::Withdraw | Approach::Reset => {
            let named = lost.iter().take(MOST_PREFIXES).map(|one| one.prefix.to_string());
            let named: Vec<String> = named.collect();
            let more = match lost.len().saturating_sub(MOST_PREFIXES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "{text}: what is announced with it counts as withdrawn (RFC 7606): {}{more}",
                named.join(", ")
            )
        }
    }
}
