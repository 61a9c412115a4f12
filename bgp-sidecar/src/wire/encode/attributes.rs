//! Path attributes, by the crate's writer, in ascending order of type (RFC 4271 §5).

use std::collections::BTreeSet;

use netgauze_bgp_pkt::community::{Community, LargeCommunity};
use netgauze_bgp_pkt::path_attribute as octets;
use netgauze_bgp_pkt::path_attribute::{PathAttribute, PathAttributeValue as Value};
use netgauze_parse_utils::WritablePdu as _;

use crate::wire::AS_TRANS;
use crate::wire::attributes::{AsPath, Attributes, Origin, Raw, Segment};
use crate::wire::negotiate::Negotiated;

const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const PARTIAL: u8 = 0x20;
const EXTENDED: u8 = 0x10;
const WELL_KNOWN: u8 = TRANSITIVE;
const FAR: u8 = OPTIONAL | TRANSITIVE;

/// All but MP_REACH_NLRI; NEXT_HOP where the classic field needs it. What is not for an external peer (LOCAL_PREF,
/// ORIGINATOR_ID, CLUSTER_LIST: RFC 4271 §5.1.5, RFC 4456 §8) is left out.
pub(super) fn write(attributes: &Attributes, next_hop: bool, session: &Negotiated) -> Vec<u8> {
    let mut all: Vec<(u8, Vec<u8>)> = attributes.others.iter().map(carried).collect();
    for (flags, value) in known(attributes, next_hop, session) {
        all.extend(one(flags, value));
    }
    all.sort_by_key(|(code, _)| *code);
    all.into_iter().flat_map(|(_, octets)| octets).collect()
}

fn known(from: &Attributes, next_hop: bool, session: &Negotiated) -> Vec<(u8, Value)> {
    let mut all = vec![(WELL_KNOWN, Value::Origin(origin(from.origin)))];
    all.extend(as_path(&from.as_path, session.as4));
    if let (true, std::net::IpAddr::V4(address)) = (next_hop, from.next_hop.address) {
        all.push((WELL_KNOWN, Value::NextHop(octets::NextHop::new(address))));
    }
    let med = from.med.map(octets::MultiExitDiscriminator::new);
    all.extend(med.map(|med| (OPTIONAL, Value::MultiExitDiscriminator(med))));
    if from.atomic_aggregate {
        all.push((WELL_KNOWN, Value::AtomicAggregate(octets::AtomicAggregate)));
    }
    all.extend(aggregator(from, session.as4));
    if session.internal {
        all.extend(internal(from));
    }
    if !from.communities.is_empty() {
        let list: Vec<_> = from.communities.iter().copied().map(Community::new).collect();
        all.push((FAR, Value::Communities(octets::Communities::new(list))));
    }
    if !from.large_communities.is_empty() {
        let list = from.large_communities.iter();
        let list: Vec<_> = list.map(|[a, b, c]| LargeCommunity::new(*a, *b, *c)).collect();
        all.push((FAR, Value::LargeCommunities(octets::LargeCommunities::new(list))));
    }
    all
}

fn internal(from: &Attributes) -> Vec<(u8, Value)> {
    let mut all = Vec::new();
    let preference = from.local_pref.map(octets::LocalPreference::new);
    all.extend(preference.map(|preference| (WELL_KNOWN, Value::LocalPreference(preference))));
    let originator = from.originator_id.map(octets::Originator::new);
    all.extend(originator.map(|id| (OPTIONAL, Value::Originator(id))));
    if !from.cluster_list.is_empty() {
        let list: Vec<_> = from
            .cluster_list
            .iter()
            .copied()
            .map(octets::ClusterId::new)
            .collect();
        all.push((OPTIONAL, Value::ClusterList(octets::ClusterList::new(list))));
    }
    all
}

/// Flags and length are ours; the crate writes the value.
fn one(flags: u8, value: Value) -> Option<(u8, Vec<u8>)> {
    let (optional, transitive) = (flags & OPTIONAL != 0, flags & TRANSITIVE != 0);
    let write = |value, extended| {
        let attribute = PathAttribute::from(optional, transitive, false, extended, value).ok()?;
        let long = !extended && attribute.len() > 3 + usize::from(u8::MAX);
        let mut octets = Vec::with_capacity(attribute.len());
        attribute.write(&mut octets).ok()?;
        Some((octets, long))
    };
    let (mut octets, long) = write(value.clone(), false)?;
    if long {
        (octets, _) = write(value, true)?;
    }
    Some((*octets.get(1)?, octets))
}

/// As it came.
fn carried(raw: &Raw) -> (u8, Vec<u8>) {
    let flags = raw.flags & (FAR | PARTIAL);
    let mut octets = match u8::try_from(raw.value.len()) {
        Ok(length) => vec![flags, raw.code, length],
        Err(_) => {
            let [high, low] = u16::try_from(raw.value.len()).unwrap_or(u16::MAX).to_be_bytes();
            vec![flags | EXTENDED, raw.code, high, low]
        }
    };
    octets.extend(&raw.value);
    (raw.code, octets)
}

fn origin(origin: Origin) -> octets::Origin {
    match origin {
        Origin::Igp => octets::Origin::IGP,
        Origin::Egp => octets::Origin::EGP,
        Origin::Incomplete => octets::Origin::Incomplete,
    }
}

/// For a peer with two-octet numbers AS_TRANS stands for what does not fit, and AS4_PATH has the truth
/// (RFC 6793 §4.2.2).
fn as_path(path: &AsPath, as4: bool) -> Vec<(u8, Value)> {
    let segments = segments(path);
    if as4 {
        return vec![(
            WELL_KNOWN,
            Value::AsPath(octets::AsPath::as4_path_segments(segments)),
        )];
    }
    let narrow = |segment: &octets::As4PathSegment| {
        let numbers = segment.as_numbers().iter().map(|number| narrow(*number));
        octets::As2PathSegment::new(segment.segment_type(), numbers.collect::<Vec<u16>>())
    };
    let two: Vec<_> = segments.iter().map(narrow).collect();
    let mut all = vec![(WELL_KNOWN, Value::AsPath(octets::AsPath::as2_path_segments(two)))];
    if path.numbers().any(|number| number > u32::from(u16::MAX)) {
        all.push((FAR, Value::As4Path(octets::As4Path::new(segments))));
    }
    all
}

fn narrow(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(AS_TRANS)
}

/// A segment's length is one octet, and none is empty.
fn segments(path: &AsPath) -> Vec<octets::As4PathSegment> {
    use octets::AsPathSegmentType::{AsSequence, AsSet};
    let whole = path.0.iter().map(|segment| match segment {
        Segment::Sequence(numbers) => (AsSequence, numbers.clone()),
        Segment::Set(numbers) => (AsSet, set(numbers)),
    });
    whole
        .flat_map(|(kind, numbers)| {
            let chunks = numbers.chunks(usize::from(u8::MAX));
            chunks
                .map(|chunk| octets::As4PathSegment::new(kind, chunk))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn set(numbers: &BTreeSet<u32>) -> Vec<u32> {
    numbers.iter().copied().collect()
}

fn aggregator(from: &Attributes, as4: bool) -> Vec<(u8, Value)> {
    let Some((number, router)) = from.aggregator else {
        return Vec::new();
    };
    let four = octets::As4Aggregator::new(number, router);
    if as4 {
        return vec![(FAR, Value::Aggregator(octets::Aggregator::As4Aggregator(four)))];
    }
    let two = octets::As2Aggregator::new(narrow(number), router);
    let mut all = vec![(FAR, Value::Aggregator(octets::Aggregator::As2Aggregator(two)))];
    if number > u32::from(u16::MAX) {
        // The crate knows no AS4_AGGREGATOR (RFC 6793 §3).
        let mut value = number.to_be_bytes().to_vec();
        value.extend(router.octets());
        all.push((
            FAR,
            Value::UnknownAttribute(octets::UnknownAttribute::new(18, value)),
        ));
    }
    all
}
