//! Rules of a block, as data.

use super::*;

fn block(cidr: &str) -> Block {
    Block::new(
        cidr.parse().unwrap(),
        "n1",
        "2026-11-22T16:12:47.5Z".parse().unwrap(),
    )
}

fn now() -> Timestamp {
    "2026-11-22T16:13:00Z".parse().unwrap()
}

fn owner(handle: &str) -> Attribute {
    Attribute::new(handle, &BTreeMap::from([("node".to_owned(), "n1".to_owned())]))
}

#[test]
fn a_new_block_is_written_as_calico_writes_it() {
    assert_eq!(
        String::from_utf8(block("10.0.0.0/30").to_bytes()).unwrap(),
        r#"{"cidr":"10.0.0.0/30","affinity":"host:n1","affinity_claim_time":"2026-11-22T16:12:47Z","allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":1795363967500000000,"sequenceNumberForAllocation":{},"deleted":false}"#
    );
}

#[test]
fn addresses_are_taken_from_the_front_and_come_back_at_the_end() {
    let mut block = block("10.0.0.0/30");
    for expected in [0, 1] {
        let ordinal = block.first_free(|_| false).unwrap();
        assert_eq!(ordinal, expected);
        block.take(ordinal, owner(&format!("net.{ordinal}")));
        block.touch();
    }
    assert_eq!(block.take(1, owner("net.x")), None);
    block.release(&[0], now(), 0);
    assert_eq!(block.unallocated, Some(vec![2, 3, 0]));
    assert_eq!(block.allocations, vec![None, Some(0), None, None]);
    assert_eq!(block.attributes, Some(vec![owner("net.1")]));
    block.release(&[1], now(), 0);
    assert_eq!(block.attributes, Some(vec![]));
    assert_eq!(block.sequence_for, Some(BTreeMap::new()));
}

#[test]
fn an_allocation_carries_the_number_before_its_write() {
    let mut block = block("10.0.0.0/30");
    let start = block.sequence_number;
    assert_eq!(block.take(2, owner("net.a")), Some(start));
    block.touch();
    assert_eq!((block.sequence(2), block.sequence_number), (start, start + 1));
}

#[test]
fn equal_owners_share_an_attribute() {
    let mut block = block("10.0.0.0/30");
    block.take(0, owner("net.a"));
    block.take(1, owner("net.a"));
    assert_eq!(block.allocations[..2], [Some(0), Some(0)]);
    assert_eq!(block.held_by("net.a").collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_reserved_address_is_passed_over_and_stays_in_the_queue() {
    let mut block = block("10.0.0.0/30");
    let reserved: IpAddr = "10.0.0.0".parse().unwrap();
    let ordinal = block.first_free(|address| address == reserved).unwrap();
    block.take(ordinal, owner("net.a"));
    assert_eq!((ordinal, block.unallocated), (1, Some(vec![0, 2, 3])));
}

#[test]
fn an_address_in_cooldown_is_held_by_nobody_until_its_time_is_over() {
    let mut block = block("10.0.0.0/32");
    block.take(0, owner("net.a"));
    block.release(&[0], now(), 30);
    assert_eq!(block.held_by("net.a").count(), 0);
    assert!(!block.is_empty());
    assert_eq!(block.first_free(|_| false), None);
    let early: Timestamp = "2026-11-22T16:13:29Z".parse().unwrap();
    assert!(!block.collect(early, 30));
    let late: Timestamp = "2026-11-22T16:13:30Z".parse().unwrap();
    assert!(block.collect(late, 30));
    assert!(block.is_empty());
    assert_eq!(block.first_free(|_| false), Some(0));
}

#[test]
fn a_foreign_block_keeps_what_we_do_not_know_and_64_bits() {
    let text = r#"{"cidr":"10.0.0.0/31","affinity":null,"allocations":[0,null],"unallocated":[1],"attributes":[{"handle_id":"net.a\rleft","alternateOwnerAttrs":{"pod":"b"},"releasedAt":"2026-11-22T16:00:00Z","new":[1]}],"sequenceNumber":18446744073709551615,"sequenceNumberForAllocation":null,"deleted":false,"future":{"n":18446744073709551615}}"#;
    let block = Block::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(block.to_bytes()).unwrap(), text);
    assert_eq!(block.held_by("net.a").collect::<Vec<_>>(), [0]);
    assert_eq!(block.sequence(0), 0);
}

#[test]
fn ordinals_and_addresses_are_a_bijection() {
    let v6 = block("fd00::40/122");
    for ordinal in [0, 1, 63] {
        assert_eq!(v6.ordinal(v6.address(ordinal)), Some(ordinal));
    }
    assert_eq!(v6.ordinal("fd00::80".parse().unwrap()), None);
    assert_eq!(v6.ordinal("10.0.0.0".parse().unwrap()), None);
}
