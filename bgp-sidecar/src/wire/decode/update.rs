//! UPDATE (RFC 4271 §4.3, §6.3), as far as RFC 7606 lets it live.

use std::collections::HashSet;

use super::attributes::{self, Approach, Parsed, code};
use super::told;
use crate::wire::attributes::{Attributes, NextHop};
use crate::wire::message::{Announcement, Family, Nlri, Notification, Update};
use crate::wire::negotiate::Negotiated;
use crate::wire::prefix;

/// The error ends the session: the prefixes cannot be told.
pub(super) fn decode(body: &[u8], session: &Negotiated) -> Result<Update, Notification> {
    let Sections {
        withdrawn,
        attributes,
        nlri,
    } = sections(body).ok_or_else(|| Notification::new(3, 1, []))?;
    let paths = session.receives_paths(Family::Ipv4);
    let read = |octets| prefix::read_all(octets, Family::Ipv4, paths);
    let bad = || Notification::new(3, 10, []);
    let parsed = attributes::parse(attributes, session)?;
    let mut content = Content {
        withdrawn: read(withdrawn).ok_or_else(bad)?,
        nlri: read(nlri).ok_or_else(bad)?,
        reachable: !nlri.is_empty() || parsed.seen.contains(&code::MP_REACH),
        empty: body.len() == 4,
        faults: Vec::new(),
    };
    let any = !content.nlri.is_empty() || !content.withdrawn.is_empty();
    if any && !session.families.contains(&Family::Ipv4) {
        content
            .faults
            .push("IPv4 prefixes, which are not exchanged".to_owned());
        content.nlri.clear();
        content.withdrawn.clear();
    }
    content.into_update(parsed, session)
}

struct Sections<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    nlri: &'a [u8],
}

fn sections(body: &[u8]) -> Option<Sections<'_>> {
    let counted = |octets| {
        let (length, rest) = <[u8]>::split_first_chunk::<2>(octets)?;
        rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
    };
    let (withdrawn, rest) = counted(body)?;
    let (attributes, nlri) = counted(rest)?;
    Some(Sections {
        withdrawn,
        attributes,
        nlri,
    })
}

/// The classic fields.
struct Content {
    withdrawn: Vec<Nlri>,
    nlri: Vec<Nlri>,
    /// The message announces something, wanted or not.
    reachable: bool,
    empty: bool,
    faults: Vec<String>,
}

impl Content {
    fn into_update(self, mut parsed: Parsed, session: &Negotiated) -> Result<Update, Notification> {
        let end_of_rib = self.end_of_rib(&parsed, session);
        self.required(&mut parsed, session);
        let mut faults = std::mem::take(&mut parsed.faults);
        let worst = faults.iter().map(|fault| fault.approach).max();
        if worst > Some(Approach::Discard) && !self.reachable {
            // RFC 7606 §5.2: nothing to withdraw, so it may be that prefixes went unseen.
            faults.retain(|fault| fault.approach > Approach::Discard);
            return Err(faults.swap_remove(0).notification);
        }
        let (_, unreached) = parsed.unreach.take().unwrap_or((Family::Ipv4, Vec::new()));
        let mut update = Update {
            withdrawn: self.withdrawn,
            announced: Vec::new(),
            end_of_rib,
            faults: self.faults,
        };
        update.withdrawn.extend(unreached);
        let reach = parsed.reach.take();
        let mut lost = Vec::new();
        if worst > Some(Approach::Discard) {
            lost.extend(self.nlri.iter().copied());
            lost.extend(reach.iter().flat_map(|reach| reach.nlri.iter().copied()));
        }
        let faults = faults.iter().map(|fault| told::fault(fault, &lost));
        update.faults.extend(faults);
        let classic = parsed
            .next_hop
            .map(|next_hop| (NextHop::from(std::net::IpAddr::V4(next_hop)), self.nlri.clone()));
        if worst > Some(Approach::Discard) {
            update.withdrawn.extend(lost);
            return Ok(update);
        }
        let multi = reach.map(|reach| (reach.next_hop, reach.nlri));
        for (next_hop, nlri) in [classic, multi].into_iter().flatten() {
            announce(&parsed, next_hop, nlri, &mut update);
        }
        keep_announced(&mut update);
        Ok(update)
    }

    /// RFC 4724 §2: an UPDATE with nothing in it, or with an MP_UNREACH_NLRI alone that has nothing in it.
    fn end_of_rib(&self, parsed: &Parsed, session: &Negotiated) -> Option<Family> {
        if self.empty && session.families.contains(&Family::Ipv4) {
            return Some(Family::Ipv4);
        }
        let nothing = self.nlri.is_empty() && self.withdrawn.is_empty() && parsed.faults.is_empty();
        match &parsed.unreach {
            Some((family, none)) if nothing && none.is_empty() && parsed.seen.len() == 1 => Some(*family),
            Some(_) | None => None,
        }
    }

    /// Where prefixes are announced some attributes must be there (RFC 4271 §5, RFC 7606 §3 d).
    fn required(&self, parsed: &mut Parsed, session: &Negotiated) {
        let reached = parsed.reach.as_ref().is_some_and(|reach| !reach.nlri.is_empty());
        if !self.nlri.is_empty() {
            parsed.faults.extend(parsed.next_hop_fault.take());
        }
        if self.nlri.is_empty() && !reached {
            return;
        }
        let needed = [
            (code::ORIGIN, true),
            (code::AS_PATH, true),
            (code::NEXT_HOP, !self.nlri.is_empty()),
            (code::LOCAL_PREF, session.internal),
        ];
        for (code, needed) in needed {
            if needed && !parsed.seen.contains(&code) {
                parsed.faults.push(attributes::Fault {
                    approach: Approach::Withdraw,
                    notification: Notification::new(3, 3, [code]),
                    text: format!("{}: is missing", told::attribute(code)),
                });
            }
        }
    }
}

/// Prefixes that no host can have an address of are passed over (RFC 4271 §6.3).
fn announce(parsed: &Parsed, next_hop: NextHop, mut nlri: Vec<Nlri>, update: &mut Update) {
    let faults = &mut update.faults;
    nlri.retain(|one| {
        let fine = prefix::unicast(one.prefix);
        if !fine && faults.len() < attributes::MOST_FAULTS {
            faults.push(format!("{} is no unicast prefix", one.prefix));
        }
        fine
    });
    let (Some(origin), Some(as_path), false) = (parsed.origin, parsed.as_path.clone(), nlri.is_empty())
    else {
        return;
    };
    let attributes = Attributes {
        origin,
        as_path,
        next_hop,
        med: parsed.med,
        local_pref: parsed.local_pref,
        atomic_aggregate: parsed.atomic_aggregate,
        aggregator: parsed.aggregator,
        communities: parsed.communities.clone(),
        large_communities: parsed.large_communities.clone(),
        originator_id: parsed.originator_id,
        cluster_list: parsed.cluster_list.clone(),
        others: {
            let mut others = parsed.others.clone();
            others.sort_by_key(|raw| raw.code);
            others
        },
    };
    update.announced.push(Announcement { attributes, nlri });
}

/// A prefix that is withdrawn and announced in one message is announced (RFC 4271 §4.3).
fn keep_announced(update: &mut Update) {
    if update.withdrawn.is_empty() || update.announced.is_empty() {
        return;
    }
    let announced: HashSet<Nlri> = update
        .announced
        .iter()
        .flat_map(|one| one.nlri.iter().copied())
        .collect();
    update.withdrawn.retain(|one| !announced.contains(one));
}
