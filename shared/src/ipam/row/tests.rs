//! Every block of a pool is in exactly one span, and nothing of another pool is in any.

use std::collections::BTreeSet;

use super::*;
use crate::model::ippool::strict;
use crate::model::key::Key;

fn pool(cidr: &str, size: u8) -> IPPool {
    strict(&serde_json::json!({"metadata":{"name":cidr},"spec":{"cidr":cidr,"blockSize":size}})).unwrap()
}

/// The spans of a whole row, and its blocks by number.
fn spans(row: &Row) -> Vec<Span> {
    row.runs.iter().map(|run| row.span(run)).collect()
}

#[test]
fn the_texts_are_in_byte_order() {
    for (radix, max) in [(10, 255), (16, 0xffff)] {
        let text = |number: u32, end: char| {
            if radix == 10 {
                format!("{number}{end}")
            } else {
                format!("{number:x}{end}")
            }
        };
        for end in ['-', '.'] {
            let texts: Vec<String> = in_text_order(radix, max)
                .into_iter()
                .map(|n| text(n, end))
                .collect();
            assert_eq!(texts.len(), max as usize + 1);
            assert!(texts.is_sorted());
        }
    }
}

#[test]
fn every_block_of_a_pool_is_counted_once_and_no_neighbour_is() {
    for (cidr, size, around) in [
        ("10.0.0.0/24", 32, "10.0.0.0/16"),
        ("10.0.0.0/24", 26, "10.0.0.0/16"),
        ("10.0.4.128/25", 32, "10.0.4.0/23"),
        ("10.0.4.16/28", 32, "10.0.4.0/24"),
        ("10.0.16.0/20", 28, "10.0.0.0/16"),
        ("10.0.16.0/20", 24, "10.0.0.0/16"),
        ("10.0.0.0/18", 20, "10.0.0.0/16"),
        ("fd00::/120", 128, "fd00::/116"),
        ("fd00::40/122", 126, "fd00::/120"),
        ("fd00:1:2:3:4:5:6:f00/120", 124, "fd00:1:2:3:4:5:6:0/116"),
    ] {
        let ours = pool(cidr, size);
        let around: IpNet = around.parse().unwrap();
        let others: Vec<IPPool> = around
            .subnets(ours.cidr().prefix_len())
            .unwrap()
            .filter(|other| *other != ours.cidr())
            .map(|other| pool(&other.to_string(), size))
            .collect();
        let row = match ours.cidr() {
            IpNet::V4(_) => Row::of(&ours, ours.cidr(), &others).unwrap(),
            // Between the numbers of IPv6 pools every sixteenth is a neighbour's.
            IpNet::V6(_) => Row::of(&ours, ours.cidr(), &[]).unwrap(),
        };
        let spans = spans(&row);
        assert!(spans.len() <= 22, "{cidr}: {} spans", spans.len());
        let mut expected = row.runs.iter().map(|run| row.blocks(run)).sum::<u64>();
        expected += u64::from(row.lone.is_some());
        assert_eq!(u128::from(expected), ours.block_count(), "{cidr}");
        for block in around.subnets(size).unwrap() {
            let key = Key::block(block);
            let times =
                spans.iter().filter(|span| span.holds(&key)).count() + usize::from(row.lone == Some(block));
            if block.addr().is_ipv4() || ours.cidr().contains(&block) {
                assert_eq!(times, usize::from(ours.cidr().contains(&block)), "{cidr} {block}");
            }
        }
    }
}

#[test]
fn a_number_stands_for_all_blocks_that_begin_so() {
    for (cidr, size, length) in [
        ("10.0.0.0/8", 26, 16),
        ("10.64.0.0/12", 26, 16),
        ("10.5.0.0/16", 32, 24),
        ("10.5.4.0/22", 24, 24),
        ("10.5.0.0/16", 20, 20),
        ("10.5.4.0/22", 32, 24),
        ("10.5.4.0/25", 30, 30),
        ("fd00::/112", 122, 122),
    ] {
        let ours = pool(cidr, size);
        let row = Row::of(&ours, ours.cidr(), &[]).unwrap();
        let nets: BTreeSet<IpNet> = row
            .runs
            .iter()
            .flatten()
            .map(|number| row.net(*number))
            .chain(row.lone)
            .collect();
        assert!(
            nets.iter().all(|net| net.prefix_len() == length),
            "{cidr}: {nets:?}"
        );
        assert_eq!(
            IpNet::aggregate(&nets.into_iter().collect()),
            [ours.cidr()],
            "{cidr}"
        );
    }
}

#[test]
fn rows_that_others_write_between_are_not_counted() {
    let ours = pool("fd00::/116", 128);
    let count = |other: &str| Row::of(&ours, ours.cidr(), &[pool(other, 128)]).is_some();
    assert!(
        !count("fd00::1000/116"),
        "fd00::1000 lies between fd00::100 and fd00::101"
    );
    assert!(count("fd00:1::/116"));
    assert!(
        !count("fd00::1:0/116"),
        "fd00::1:5 lies between fd00::1 and fd00::2"
    );
    assert!(!count("fd00::/64"));
    assert!(count("fd01::/64"));
    assert!(Row::of(&pool("fd00::/108", 122), "fd00::/108".parse().unwrap(), &[]).is_none());
}

#[test]
fn what_is_left_out_parts_a_run() {
    let ours = pool("10.0.0.0/16", 32);
    let row = Row::of(&ours, ours.cidr(), &[]).unwrap();
    assert_eq!(row.runs.len(), 1);
    let row = row.without(|net| net.to_string() == "10.0.100.0/24");
    let ends: Vec<(u32, u32)> = row
        .runs
        .iter()
        .map(|run| (run[0], *run.last().unwrap()))
        .collect();
    assert_eq!(ends, [(0, 10), (101, 99)]);
}
