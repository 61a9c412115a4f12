//! `/v1/routes`: what one peer has sent, with what became of it, or has been told.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Direction, Response, Whom, named};
use crate::session::PeerKey;
use crate::speaker::Speaker;
use crate::speaker::status::{RouteStatus, WithheldStatus};
use crate::wire::{AsPath, Origin, Segment};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Routes {
    #[serde(rename = "peerIP")]
    address: String,
    port: u16,
    direction: &'static str,
    routes: Vec<Route>,
    /// Of what is advertised: what might be and is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<NotTold>,
}

#[derive(Serialize)]
struct NotTold {
    destination: String,
    reason: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Route {
    destination: String,
    next_hop: String,
    as_path: String,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    med: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_pref: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    communities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    large_communities: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    status: String,
}

pub(super) fn answer(whom: Whom, direction: Direction, speaker: &Speaker) -> Response {
    let key = match found(whom, speaker) {
        Ok(key) => key,
        Err(refusal) => return refusal,
    };
    let (direction, routes, withheld) = match direction {
        Direction::Received => ("received", speaker.received(key), Vec::new()),
        Direction::Advertised => ("advertised", speaker.advertised(key), speaker.withheld(key)),
    };
    let not_told = |one: WithheldStatus| NotTold {
        destination: one.prefix.to_string(),
        reason: one.why,
    };
    Response::json(&Routes {
        address: key.address.to_string(),
        port: key.port,
        direction,
        routes: routes.into_iter().map(route).collect(),
        withheld: withheld.into_iter().map(not_told).collect(),
    })
}

fn found(whom: Whom, speaker: &Speaker) -> Result<PeerKey, Response> {
    let is = |key: &PeerKey| key.address == whom.address && whom.port.is_none_or(|port| key.port == port);
    let keys: Vec<PeerKey> = speaker.peers().into_iter().map(|peer| peer.key).collect();
    let those: Vec<PeerKey> = keys.iter().copied().filter(is).collect();
    let names = |keys: &[PeerKey]| keys.iter().map(|key| named(*key)).collect::<Vec<_>>().join(", ");
    let asked = match whom.port {
        Some(port) => format!("{} port {port}", whom.address),
        None => whom.address.to_string(),
    };
    match those.as_slice() {
        [one] => Ok(*one),
        [] if keys.is_empty() => Err(Response::text(
            404,
            format_args!("{asked} is no peer: this node has none"),
        )),
        [] => Err(Response::text(
            404,
            format_args!("{asked} is no peer; these are: {}", names(&keys)),
        )),
        several => Err(Response::text(
            400,
            format_args!("{asked} is several peers, say which: {}", names(several)),
        )),
    }
}

fn route(one: RouteStatus) -> Route {
    let attributes = one.attributes;
    let community = |number: &u32| format!("{}:{}", number >> 16, number & 0xFFFF);
    let large = |[one, two, three]: &[u32; 3]| format!("{one}:{two}:{three}");
    Route {
        destination: one.prefix.to_string(),
        next_hop: attributes.next_hop.address.to_string(),
        as_path: path(&attributes.as_path),
        origin: match attributes.origin {
            Origin::Igp => "IGP",
            Origin::Egp => "EGP",
            Origin::Incomplete => "incomplete",
        },
        med: attributes.med,
        local_pref: attributes.local_pref,
        communities: attributes.communities.iter().map(community).collect(),
        large_communities: attributes.large_communities.iter().map(large).collect(),
        status: one.status,
    }
}

/// `64512 4200002024 {1 2}`
fn path(path: &AsPath) -> String {
    let mut text = String::new();
    let joined = |numbers: &mut dyn Iterator<Item = &u32>| {
        numbers.map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    for segment in &path.0 {
        let space = if text.is_empty() { "" } else { " " };
        let _ = match segment {
            Segment::Sequence(numbers) => write!(text, "{space}{}", joined(&mut numbers.iter())),
            Segment::Set(numbers) => write!(text, "{space}{{{}}}", joined(&mut numbers.iter())),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_other_daemons_print_it() {
        let whole = AsPath(vec![
            Segment::Sequence(vec![64512, 4_200_002_024]),
            Segment::Set([2, 1].into()),
        ]);
        assert_eq!(path(&whole), "64512 4200002024 {1 2}");
        assert_eq!(path(&AsPath::default()), "");
    }
}
