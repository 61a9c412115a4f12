//! Contention at the size of a test; `make contention` has the whole of it.

use integration::contention::{POOLS, measure, pods};

/// What else the machine does can only add to the longest of 80 calls.
const TURNS: usize = 4;

#[test]
fn eight_nodes_at_one_pool_fail_no_add_wait_alike_and_ask_etcd_no_more_often_than_four() {
    let _machine = super::alone();
    let pods = pods(8, 10);
    for pool in POOLS {
        let mut all = Vec::new();
        loop {
            let (four, eight) = (measure(pool, &pods[..4]), measure(pool, &pods));
            println!("{four}\n{eight}");
            assert_eq!([four.failed(), eight.failed()].concat(), Vec::<String>::new());
            let missed = [four.missed(&four), eight.missed(&four)].concat();
            if missed.is_empty() {
                break;
            }
            all.push(missed);
            assert!(all.len() < TURNS, "{all:#?}");
        }
    }
}
