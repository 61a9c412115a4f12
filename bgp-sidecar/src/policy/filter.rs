//! BGPFilter: lists of rules, the first that matches decides.

use std::sync::Arc;

use ipnet::IpNet;

use super::Community;
use crate::rib::local_pref;
use crate::wire::{Attributes, Family};

/// Calico's metric and LOCAL_PREF are each this number less the other.
const PRIORITY_BASE: u32 = i32::MAX as u32;

/// Which way a route goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer.
    Import,
    /// To the peer.
    Export,
}

/// A BGPFilter, ready to be applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its name.
    pub name: String,
    /// For IPv4 routes to the peer.
    pub export_v4: Vec<Rule>,
    /// For IPv4 routes from the peer.
    pub import_v4: Vec<Rule>,
    /// For IPv6 routes to the peer.
    pub export_v6: Vec<Rule>,
    /// For IPv6 routes from the peer.
    pub import_v6: Vec<Rule>,
}

/// A rule: everything it names must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `cidr`, `matchOperator`, `prefixLength`.
    pub net: Option<Net>,
    /// `source: RemotePeers`: learned by BGP.
    pub remote_peers: bool,
    /// `interface`: the route's, with `*` for any text. Only a learned route on its way out has one.
    pub interface: Option<String>,
    /// `peerType`: the session's.
    pub peer_type: Option<PeerType>,
    /// `communities`: it carries this one.
    pub community: Option<Community>,
    /// `asPathPrefix`: its path begins so.
    pub as_path_prefix: Vec<u32>,
    /// `priority`: 2147483647 less its LOCAL_PREF.
    pub priority: Option<u32>,
    /// What is done.
    pub action: Action,
}

/// `peerType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerType {
    /// `eBGP`
    External,
    /// `iBGP`
    Internal,
}

/// `action`, with `operations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let through, changed so.
    Accept(Vec<Operation>),
    /// Not let through.
    Reject,
}

/// One of `operations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `addCommunity`
    AddCommunity(Community),
    /// `prependASPath`, the first of them first.
    PrependAsPath(Vec<u32>),
    /// `setPriority`
    SetPriority(u32),
}

/// `matchOperator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOperator {
    /// This prefix.
    Equal,
    /// Any but this.
    NotEqual,
    /// This or one inside.
    In,
    /// Neither this nor one inside.
    NotIn,
}

/// What a rule says of the prefix. `prefixLength` belongs to what `Not…` negates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// `cidr`
    pub cidr: IpNet,
    /// `matchOperator`
    pub operator: MatchOperator,
    /// `prefixLength.min`
    pub least: u8,
    /// `prefixLength.max`
    pub most: u8,
}

impl Net {
    fn matches(&self, prefix: IpNet) -> bool {
        let length = (self.least..=self.most).contains(&prefix.prefix_len());
        match self.operator {
            MatchOperator::Equal => prefix == self.cidr && length,
            MatchOperator::NotEqual => !(prefix == self.cidr && length),
            MatchOperator::In => self.cidr.contains(&prefix) && length,
            MatchOperator::NotIn => !(self.cidr.contains(&prefix) && length),
        }
    }
}

/// A route on its way.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// To here.
    pub prefix: IpNet,
    /// As they are before the filters.
    pub attributes: &'a Attributes,
    /// Learned by BGP.
    pub learned: bool,
    /// The interface it leads out of, where it is known.
    pub interface: Option<&'a str>,
    /// The session is internal.
    pub internal: bool,
}

impl Rule {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let attributes = subject.attributes;
        let peer_type = match subject.internal {
            true => PeerType::Internal,
            false => PeerType::External,
        };
        let interface = |pattern: &String| subject.interface.is_some_and(|name| like(pattern, name));
        let priority = PRIORITY_BASE.saturating_sub(local_pref(attributes));
        self.net.is_none_or(|net| net.matches(subject.prefix))
            && (!self.remote_peers || subject.learned)
            && self.interface.as_ref().is_none_or(interface)
            && self.peer_type.is_none_or(|wanted| wanted == peer_type)
            && self.community.is_none_or(|community| community.on(attributes))
            && self.priority.is_none_or(|wanted| wanted == priority)
            && self.begins_path(attributes)
    }

    fn begins_path(&self, attributes: &Attributes) -> bool {
        let mut path = attributes.as_path.numbers();
        self.as_path_prefix
            .iter()
            .all(|number| path.next() == Some(*number))
    }
}

impl Operation {
    /// Does it.
    pub fn apply(&self, attributes: &mut Attributes) {
        match self {
            Self::AddCommunity(community) => community.add(attributes),
            Self::PrependAsPath(numbers) => attributes.as_path = attributes.as_path.prepended(numbers),
            Self::SetPriority(priority) => {
                attributes.local_pref = Some(PRIORITY_BASE.saturating_sub(*priority));
            }
        }
    }
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// Of the peer's filters, from 0.
    pub filter: u8,
    /// Of the filter's list, from 0.
    pub number: u16,
    /// The rule.
    pub rule: &'a Rule,
}

impl Filter {
    /// The rules for one family and direction.
    pub fn rules(&self, family: Family, direction: Direction) -> &[Rule] {
        match (family, direction) {
            (Family::Ipv4, Direction::Export) => &self.export_v4,
            (Family::Ipv4, Direction::Import) => &self.import_v4,
            (Family::Ipv6, Direction::Export) => &self.export_v6,
            (Family::Ipv6, Direction::Import) => &self.import_v6,
        }
    }

    /// The first rule of the first filter that matches, if any does.
    pub fn decide<'a>(
        filters: &'a [Arc<Filter>],
        direction: Direction,
        subject: &Subject<'_>,
    ) -> Option<Matched<'a>> {
        let family = Family::of_net(subject.prefix);
        let all = filters.iter().enumerate();
        let mut rules = all.flat_map(|(filter, one)| {
            let rules = one.rules(family, direction).iter().enumerate();
            rules.map(move |(number, rule)| (filter, number, rule))
        });
        let (filter, number, rule) = rules.find(|(_, _, rule)| rule.matches(subject))?;
        Some(Matched {
            filter: u8::try_from(filter).unwrap_or(u8::MAX),
            number: u16::try_from(number).unwrap_or(u16::MAX),
            rule,
        })
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(super) fn like(pattern: &str, name: &str) -> bool {
    let Some((start, mut rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = name.find(part) else {
            return false;
        };
        (name, rest) = (&name[at + part.len()..], after);
    }
    name.ends_with(rest)
}

#[cfg(test)]
mod tests;
