//! The value of each attribute, by the crate's own parser for it; MP_REACH_NLRI and MP_UNREACH_NLRI by hand, since
//! theirs trusts the next hop's length.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netgauze_bgp_pkt::path_attribute as octets;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::{ParseFromWithOneInput, ParseFromWithTwoInputs as _};

use super::attributes::{Approach, Fault, Parsed, Reach, Tlv, code, flag};
use super::{as4, family};
use crate::wire::attributes::{AsPath, NextHop, Origin, Raw, Segment};
use crate::wire::message::Family;
use crate::wire::negotiate::Negotiated;
use crate::wire::prefix;

/// Puts the value where it belongs. Lengths were checked, except where only the value's reader can.
pub(super) fn read(tlv: &Tlv<'_>, session: &Negotiated, parsed: &mut Parsed) -> Result<(), Fault> {
    match tlv.code {
        code::ORIGIN => parsed.origin = Some(origin(by::<octets::Origin>(tlv, Approach::Withdraw, 6)?)),
        code::AS_PATH => parsed.as_path = Some(as_path(tlv, session.as4)?),
        code::NEXT_HOP => next_hop(tlv, parsed),
        code::MED => {
            let med: octets::MultiExitDiscriminator = by(tlv, Approach::Withdraw, 5)?;
            parsed.med = Some(med.metric());
        }
        code::LOCAL_PREF => {
            let preference: octets::LocalPreference = by(tlv, Approach::Withdraw, 5)?;
            parsed.local_pref = Some(preference.metric());
        }
        code::ATOMIC_AGGREGATE => parsed.atomic_aggregate = true,
        code::AGGREGATOR => parsed.aggregator = Some(aggregator(tlv, session.as4)?),
        code::ORIGINATOR_ID => {
            let id: octets::Originator = by(tlv, Approach::Withdraw, 9)?;
            parsed.originator_id = Some(id.id());
        }
        code::MP_REACH => reach(tlv, session, parsed)?,
        code::MP_UNREACH => unreach(tlv, session, parsed)?,
        code::AS4_PATH => as4_path(tlv, parsed)?,
        code::AS4_AGGREGATOR => parsed.as4_aggregator = Some(aggregator(tlv, true)?),
        _ => return lists(tlv, parsed),
    }
    Ok(())
}

/// Those with any number of equal members, and what is carried unread.
fn lists(tlv: &Tlv<'_>, parsed: &mut Parsed) -> Result<(), Fault> {
    match tlv.code {
        code::COMMUNITIES => {
            let all: octets::Communities = by(tlv, Approach::Withdraw, 9)?;
            parsed.communities = all.communities().iter().map(|one| one.value()).collect();
        }
        code::CLUSTER_LIST => {
            let list: octets::ClusterList = by(tlv, Approach::Withdraw, 9)?;
            parsed.cluster_list = list.cluster_list().iter().map(octets::ClusterId::id).collect();
        }
        code::LARGE_COMMUNITIES => {
            let all: octets::LargeCommunities = by(tlv, Approach::Withdraw, 9)?;
            let triple = |one: &netgauze_bgp_pkt::community::LargeCommunity| {
                [one.global_admin(), one.local_data1(), one.local_data2()]
            };
            parsed.large_communities = all.communities().iter().map(triple).collect();
        }
        _ => parsed.others.push(carried(tlv)),
    }
    Ok(())
}

/// By the crate: all of it, or a fault in the crate's words.
fn by<'a, T>(tlv: &Tlv<'a>, approach: Approach, subcode: u8) -> Result<T, Fault>
where
    T: ParseFromWithOneInput<'a, bool, Error: Display>,
{
    let mut reader = SliceReader::new(tlv.counted);
    let value = T::parse(&mut reader, tlv.extended());
    let value = value.map_err(|error| tlv.fault(approach, subcode, &error.to_string()))?;
    if reader.is_empty() {
        Ok(value)
    } else {
        Err(tlv.fault(approach, 5, "has a wrong length"))
    }
}

fn origin(origin: octets::Origin) -> Origin {
    match origin {
        octets::Origin::IGP => Origin::Igp,
        octets::Origin::EGP => Origin::Egp,
        octets::Origin::Incomplete => Origin::Incomplete,
    }
}

fn as_path(tlv: &Tlv<'_>, as4: bool) -> Result<AsPath, Fault> {
    let mut reader = SliceReader::new(tlv.counted);
    let path = octets::AsPath::parse(&mut reader, tlv.extended(), as4);
    let segments = match path.map_err(|error| tlv.fault(Approach::Withdraw, 11, &error.to_string()))? {
        octets::AsPath::As4PathSegments(segments) => path_of(&segments, tlv, Approach::Withdraw)?,
        octets::AsPath::As2PathSegments(segments) => {
            let widen = |segment: &octets::As2PathSegment| {
                let numbers: Vec<u32> = segment
                    .as_numbers()
                    .iter()
                    .map(|number| u32::from(*number))
                    .collect();
                octets::As4PathSegment::new(segment.segment_type(), numbers)
            };
            let wide: Vec<_> = segments.iter().map(widen).collect();
            path_of(&wide, tlv, Approach::Withdraw)?
        }
    };
    Ok(AsPath(segments))
}

/// A confederation's segments have no place in it: they are left out, which is told, and the rest counts (RFC 6793 §3, §6).
fn as4_path(tlv: &Tlv<'_>, parsed: &mut Parsed) -> Result<(), Fault> {
    let read = |tlv: &Tlv<'_>| {
        let path: octets::As4Path = by(tlv, Approach::Discard, 9)?;
        path_of(path.segments(), tlv, Approach::Discard)
    };
    let Some(kept) = as4::without_confederations(tlv.value) else {
        parsed.as4_path = Some(read(tlv)?);
        return Ok(());
    };
    let length = u16::try_from(kept.len()).unwrap_or(u16::MAX).to_be_bytes();
    let counted = [&length[..], &kept].concat();
    if !kept.is_empty() {
        parsed.as4_path = Some(read(&Tlv {
            flags: tlv.flags | flag::EXTENDED,
            counted: &counted,
            value: &kept,
            ..*tlv
        })?);
    }
    Err(tlv.fault(Approach::Discard, 9, "segments of a confederation"))
}

/// RFC 7607 §2: nobody is AS 0.
fn path_of(
    segments: &[octets::As4PathSegment],
    tlv: &Tlv<'_>,
    approach: Approach,
) -> Result<Vec<Segment>, Fault> {
    if segments.iter().any(|segment| segment.as_numbers().contains(&0)) {
        return Err(tlv.fault(approach, 11, "AS 0 stands in the path"));
    }
    let segment = |segment: &octets::As4PathSegment| {
        let numbers = segment.as_numbers().iter().copied();
        match segment.segment_type() {
            octets::AsPathSegmentType::AsSequence => Segment::Sequence(numbers.collect()),
            octets::AsPathSegmentType::AsSet => Segment::Set(numbers.collect()),
        }
    };
    Ok(segments.iter().map(segment).collect())
}

fn aggregator(tlv: &Tlv<'_>, as4: bool) -> Result<(u32, Ipv4Addr), Fault> {
    let (number, router) = if as4 {
        let four: octets::As4Aggregator = by(tlv, Approach::Discard, 9)?;
        (*four.asn(), four.origin())
    } else {
        let two: octets::As2Aggregator = by(tlv, Approach::Discard, 9)?;
        (u32::from(*two.asn()), two.origin())
    };
    if number == 0 {
        return Err(tlv.fault(Approach::Discard, 9, "AS 0 aggregates nothing"));
    }
    Ok((number, router))
}

/// Its fault counts only where it is needed: beside MP_REACH_NLRI alone it is ignored (RFC 4760 §3).
fn next_hop(tlv: &Tlv<'_>, parsed: &mut Parsed) {
    match by::<octets::NextHop>(tlv, Approach::Withdraw, 5) {
        Ok(next_hop) if host(next_hop.next_hop().into()) => parsed.next_hop = Some(next_hop.next_hop()),
        Ok(next_hop) => {
            let text = format!("{} cannot be a next hop", next_hop.next_hop());
            parsed.next_hop_fault = Some(tlv.fault(Approach::Withdraw, 8, &text));
        }
        Err(fault) => parsed.next_hop_fault = Some(fault),
    }
}

/// The address of some other host (RFC 4271 §6.3).
fn host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => (1..224).contains(&address.octets()[0]) && !address.is_loopback(),
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_loopback() && !address.is_multicast(),
    }
}

fn carried(tlv: &Tlv<'_>) -> Raw {
    Raw {
        flags: tlv.flags & (flag::OPTIONAL | flag::TRANSITIVE | flag::PARTIAL),
        code: tlv.code,
        value: tlv.value.to_vec(),
    }
}

/// RFC 4760 §3. A next hop of an unexpected length hides where the prefixes begin (RFC 7606 §7.11).
fn reach(tlv: &Tlv<'_>, session: &Negotiated, parsed: &mut Parsed) -> Result<(), Fault> {
    let malformed = |text: &str| tlv.fault(Approach::Reset, 9, text);
    let [high, low, subsequent, length, rest @ ..] = tlv.value else {
        return Err(malformed("is too short"));
    };
    let afi = u16::from_be_bytes([*high, *low]);
    let Some(family) = family(afi, *subsequent).filter(|family| session.families.contains(family)) else {
        let text = format!("AFI {afi}, SAFI {subsequent} is not exchanged");
        return Err(tlv.fault(Approach::Discard, 9, &text));
    };
    let split = rest.split_at_checked(usize::from(*length));
    let Some((hop, [_reserved, prefixes @ ..])) = split else {
        return Err(malformed("its next hop is longer than itself"));
    };
    let next_hop = mp_next_hop(family, hop).ok_or_else(|| malformed("its next hop has a wrong length"))?;
    let nlri = prefix::read_all(prefixes, family, session.receives_paths(family));
    parsed.reach = Some(Reach {
        next_hop,
        nlri: nlri.ok_or_else(|| malformed("a prefix is malformed"))?,
    });
    if host(next_hop.address) {
        Ok(())
    } else {
        let text = format!("{} cannot be a next hop", next_hop.address);
        Err(tlv.fault(Approach::Withdraw, 8, &text))
    }
}

/// RFC 2545 §3: the global address, and the link-local one where the link is shared.
fn mp_next_hop(family: Family, octets: &[u8]) -> Option<NextHop> {
    match family {
        Family::Ipv4 => Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?).into()),
        Family::Ipv6 => {
            let (global, rest) = octets.split_first_chunk::<16>()?;
            let global = Ipv6Addr::from(*global);
            let link_local = match rest {
                [] => None,
                _ => Some(Ipv6Addr::from(<[u8; 16]>::try_from(rest).ok()?)),
            };
            let link_local = link_local.filter(Ipv6Addr::is_unicast_link_local);
            // Some peers without a global address send nought in its place.
            let address = link_local.filter(|_| global.is_unspecified()).unwrap_or(global);
            Some(NextHop {
                address: address.into(),
                link_local,
            })
        }
    }
}

/// RFC 4760 §4.
fn unreach(tlv: &Tlv<'_>, session: &Negotiated, parsed: &mut Parsed) -> Result<(), Fault> {
    let malformed = |text: &str| tlv.fault(Approach::Reset, 9, text);
    let [high, low, subsequent, prefixes @ ..] = tlv.value else {
        return Err(malformed("is too short"));
    };
    let afi = u16::from_be_bytes([*high, *low]);
    let Some(family) = family(afi, *subsequent).filter(|family| session.families.contains(family)) else {
        let text = format!("AFI {afi}, SAFI {subsequent} is not exchanged");
        return Err(tlv.fault(Approach::Discard, 9, &text));
    };
    let withdrawn = prefix::read_all(prefixes, family, session.receives_paths(family));
    let withdrawn = withdrawn.ok_or_else(|| malformed("a prefix is malformed"))?;
    parsed.unreach = Some((family, withdrawn));
    Ok(())
}
