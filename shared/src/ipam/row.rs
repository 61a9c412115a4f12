//! Blocks whose keys differ in one number only: an octet of an IPv4 address, the last group of an IPv6 address.
//!
//! Keys are text, and the datastore counts what lies between two texts. In byte order the octets go 0, 1, 10, 100,
//! 101, … 11, 110, …: a pool's part of a row falls into *runs*, which nothing else lies between. A run is one span
//! to count; of IPv4 a pool has at most 22.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::ippool::IPPool;
use crate::model::key::Prefix;
use crate::model::span::Span;

/// The blocks of a pool below one prefix of its keys.
pub(super) struct Row {
    prefix: String,
    hexadecimal: bool,
    /// What follows a number in the key.
    end: char,
    /// The numbers of this pool, in text order, parted where something else may lie between.
    pub(super) runs: Vec<Vec<u32>>,
    /// Blocks of one number.
    per: u64,
    /// The block of an IPv6 row whose key is written in another way than its neighbours': `fd00::`, not `fd00::0`.
    pub(super) lone: Option<IpNet>,
    base: IpAddr,
    /// Prefix length of what has one number.
    length: u8,
}

impl Row {
    /// The blocks of a pool inside `net`, an aligned part of it. `None` if their keys do not lie together: an IPv6
    /// part larger than /112, or one between whose keys another pool's may lie.
    pub(super) fn of(pool: &IPPool, net: IpNet, pools: &[IPPool]) -> Option<Row> {
        match net {
            IpNet::V4(net) => Some(ipv4(net, pool.block_size())),
            IpNet::V6(net) if net.prefix_len() >= 112 && pool.block_size() > 112 => {
                let foreign: Vec<&IPPool> =
                    pools.iter().filter(|other| other.cidr() != pool.cidr()).collect();
                ipv6(net, pool.block_size(), &foreign)
            }
            IpNet::V6(_) => None,
        }
    }

    /// The same without the numbers that `skip` says; what remains beside them is parted there.
    pub(super) fn without(mut self, skip: impl Fn(IpNet) -> bool) -> Row {
        let runs = std::mem::take(&mut self.runs);
        for run in runs {
            let parts = run.split(|number| skip(self.net(*number)));
            let parts: Vec<Vec<u32>> = parts.map(<[u32]>::to_vec).collect();
            self.runs
                .extend(parts.into_iter().filter(|part| !part.is_empty()));
        }
        self.lone = self.lone.filter(|block| !skip(*block));
        self
    }

    /// The keys of a part of a run.
    pub(super) fn span(&self, part: &[u32]) -> Span {
        let text = |number: Option<&u32>, end: char| {
            let number = number.copied().unwrap_or_default();
            if self.hexadecimal {
                format!("{}{number:x}{end}", self.prefix)
            } else {
                format!("{}{number}{end}", self.prefix)
            }
        };
        let after = if self.end == '.' { '/' } else { '.' };
        Span::new(text(part.first(), self.end), text(part.last(), after))
    }

    /// Blocks of a part of a run, if all exist.
    pub(super) fn blocks(&self, part: &[u32]) -> u64 {
        self.per.saturating_mul(part.len() as u64)
    }

    /// What a number stands for: one block, or as many as begin so.
    pub(super) fn net(&self, number: u32) -> IpNet {
        let bits = match self.base {
            IpAddr::V4(_) => 8 * (u32::from(self.length).div_ceil(8)),
            IpAddr::V6(_) => 128,
        };
        let address = match self.base {
            IpAddr::V4(base) => IpAddr::V4((u32::from(base) | number << (32 - bits.min(32))).into()),
            IpAddr::V6(base) => IpAddr::V6((u128::from(base) | u128::from(number)).into()),
        };
        IpNet::new(address, self.length).map_or(IpNet::from(address), |net| net.trunc())
    }
}

fn ipv4(net: ipnet::Ipv4Net, size: u8) -> Row {
    let octet = (net.prefix_len() / 8).min(3);
    let bits = 8 * (octet + 1);
    let octets = net.network().octets();
    let first = u32::from(octets[usize::from(octet)]);
    let last = first + (1u32 << (bits.max(net.prefix_len()) - net.prefix_len())) - 1;
    let before: String = octets
        .iter()
        .take(octet.into())
        .map(|octet| format!("{octet}."))
        .collect();
    let step = 1u32 << bits.saturating_sub(size);
    let kept = u32::from(net.network())
        .checked_shr(32 - u32::from(8 * octet))
        .unwrap_or(0);
    let base = kept.checked_shl(32 - u32::from(8 * octet)).unwrap_or(0);
    Row {
        prefix: format!("{}{before}", Prefix::blocks(true)),
        hexadecimal: false,
        end: if bits < 32 { '.' } else { '-' },
        runs: runs(10, 255, |number| {
            if !(first..=last).contains(&number) {
                Place::Foreign
            } else if number % step == 0 {
                Place::Ours
            } else {
                Place::Nothing
            }
        }),
        per: 1u64 << size.saturating_sub(bits),
        lone: None,
        base: IpAddr::V4(base.into()),
        length: size.min(bits),
    }
}

fn ipv6(net: ipnet::Ipv6Net, size: u8, foreign: &[&IPPool]) -> Option<Row> {
    let base = Ipv6Addr::from(u128::from(net.network()) & !0xffff);
    let prefix = row_text(base)?;
    if foreign.iter().any(|pool| reaches_into(pool, &prefix)) {
        return None;
    }
    let first = u32::from(net.network().segments()[7]);
    let last = first + (1u32 << (128 - net.prefix_len())) - 1;
    let step = 1u32 << (128 - size);
    let address = |number: u32| IpAddr::V6((u128::from(base) | u128::from(number)).into());
    let lone = (first == 0).then(|| IpNet::new(address(0), size).ok()).flatten();
    let runs = runs(16, 0xffff, |number| {
        if (first..=last).contains(&number) {
            if number > 0 && number % step == 0 {
                Place::Ours
            } else {
                Place::Nothing
            }
        } else if foreign.iter().any(|pool| pool.cidr().contains(&address(number))) {
            Place::Foreign
        } else {
            Place::Nothing
        }
    });
    (runs.len() <= RUNS).then(|| Row {
        runs,
        prefix: format!("{}{prefix}", Prefix::blocks(false)),
        hexadecimal: true,
        end: '-',
        per: 1,
        lone,
        base: IpAddr::V6(base),
        length: size,
    })
}

/// Runs that are worth a count each; of IPv4 a pool has 22 at most.
const RUNS: usize = 32;

/// How the addresses of a /112 begin in text, all but the one that ends in 0.
fn row_text(base: Ipv6Addr) -> Option<String> {
    let text = Ipv6Addr::from(u128::from(base) | 1).to_string();
    text.strip_suffix('1')
        .filter(|start| start.ends_with(':'))
        .map(str::to_owned)
}

/// Whether a pool's addresses, as text, may lie between those of a row: `fd00::1:5` between `fd00::1` and `fd00::2`.
fn reaches_into(pool: &IPPool, row: &str) -> bool {
    let IpNet::V6(cidr) = pool.cidr() else {
        return false;
    };
    if cidr.prefix_len() >= 112 {
        let base = Ipv6Addr::from(u128::from(cidr.network()) & !0xffff);
        return row_text(base).is_none_or(|other| other != row && other.starts_with(row));
    }
    // Of a larger pool only the groups before the first zero are certain to begin every address.
    let certain = cidr.network().segments().into_iter();
    let certain = certain.take(usize::from(cidr.prefix_len() / 16));
    let common: String = certain
        .take_while(|group| *group != 0)
        .map(|group| format!("{group:x}:"))
        .collect();
    common.starts_with(row) || row.starts_with(&common)
}

/// What may lie at a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A block of this pool.
    Ours,
    /// No block.
    Nothing,
    /// Perhaps another's block: a span must end before it.
    Foreign,
}

/// The numbers of ours in text order, parted where something foreign lies between.
fn runs(radix: u32, max: u32, place: impl Fn(u32) -> Place) -> Vec<Vec<u32>> {
    let mut runs = vec![Vec::new()];
    for number in in_text_order(radix, max) {
        match place(number) {
            Place::Nothing => {}
            Place::Ours => {
                if let Some(run) = runs.last_mut() {
                    run.push(number);
                }
            }
            Place::Foreign => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// The numbers up to `max` in the order of their texts: each before those that begin with it.
fn in_text_order(radix: u32, max: u32) -> Vec<u32> {
    fn below(number: u32, radix: u32, max: u32, order: &mut Vec<u32>) {
        order.push(number);
        for next in number * radix..(number + 1) * radix {
            if next <= max {
                below(next, radix, max, order);
            }
        }
    }
    let mut order = vec![0];
    (1..radix).for_each(|digit| below(digit, radix, max, &mut order));
    order
}

#[cfg(test)]
mod tests;
