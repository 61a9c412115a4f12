use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What can be done to a map.
#[derive(Clone, Debug)]
enum Step {
    Insert(u16),
    Remove(u16),
    /// Everything from the one to the other, in order.
    Fill(u16, u16),
    Empty(u16, u16),
    /// Only every so many are kept.
    Thin(u16),
    Since(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..2000_u16;
    prop_oneof![
        4 => key().prop_map(Step::Insert),
        4 => key().prop_map(Step::Remove),
        2 => (key(), 0..600_u16).prop_map(|(from, count)| Step::Fill(from, count)),
        2 => (key(), 0..600_u16).prop_map(|(from, count)| Step::Empty(from, count)),
        1 => (2..9_u16).prop_map(Step::Thin),
        2 => key().prop_map(Step::Since),
    ]
}

/// Both hold the same, and the chunks are as they should be.
fn same(dense: &Dense<u16, u32>, model: &BTreeMap<u16, u32>) -> Result<(), TestCaseError> {
    prop_assert!(dense.iter().eq(model.iter().map(|(key, value)| (*key, value))));
    prop_assert_eq!(dense.len(), model.len());
    for chunk in &dense.chunks {
        prop_assert_eq!(
            chunk.keys.first(),
            Some(&chunk.first),
            "an empty chunk, or one by a wrong name"
        );
        prop_assert!(chunk.keys.len() <= MOST);
        prop_assert_eq!(chunk.keys.len(), chunk.values.len());
        prop_assert!(chunk.keys.capacity() <= MOST.max(8 + 2 * chunk.keys.len()));
    }
    let most = 2 + 8 * dense.len() / MOST;
    prop_assert!(
        dense.chunks.len() <= most,
        "{} chunks of {} keys",
        dense.chunks.len(),
        dense.len()
    );
    Ok(())
}

proptest! {
    #[test]
    fn it_is_the_standard_librarys_map(steps in prop::collection::vec(step(), 1..60)) {
        let (mut dense, mut model) = (Dense::default(), BTreeMap::new());
        for (number, step) in (0_u32..).zip(steps) {
            match step {
                Step::Insert(key) => prop_assert_eq!(dense.insert(key, number), model.insert(key, number)),
                Step::Remove(key) => prop_assert_eq!(dense.remove(&key), model.remove(&key)),
                Step::Fill(from, count) => for key in from..from + count {
                    dense.change(key, |known| match known {
                        Some(known) => { *known += 1; Fate::Keep }
                        None => Fate::Put(number),
                    });
                    model.entry(key).and_modify(|known| *known += 1).or_insert(number);
                },
                Step::Empty(from, count) => for key in from..from + count {
                    let mut seen = None;
                    dense.change(key, |known| { seen = known.copied(); Fate::Remove });
                    prop_assert_eq!(seen, model.remove(&key));
                },
                Step::Thin(every) => {
                    dense.retain(|key, _| key % every == 0);
                    model.retain(|key, _| key % every == 0);
                }
                Step::Since(key) => {
                    let theirs = model.range(key..).map(|(key, value)| (*key, value));
                    prop_assert!(dense.since(key).eq(theirs));
                }
            }
            same(&dense, &model)?;
            for key in [0, 500, 1999] {
                prop_assert_eq!(dense.get(&key), model.get(&key));
            }
        }
        dense.iter_mut().for_each(|(key, value)| *value = u32::from(key));
        prop_assert!(dense.iter().all(|(key, value)| u32::from(key) == *value));
    }
}

#[test]
fn what_comes_in_order_fills_its_chunks() {
    let mut dense = Dense::default();
    for key in 0..100_000_u32 {
        dense.insert(key, ());
    }
    assert_eq!(dense.chunks.len(), 100_000_usize.div_ceil(MOST));
    assert!(dense.chunks.iter().all(|chunk| chunk.keys.capacity() <= MOST));
}

#[test]
fn what_goes_in_order_leaves_nothing() {
    let mut dense: Dense<u32, u32> = Dense::default();
    for key in 0..10_000 {
        dense.insert(key, key);
    }
    for key in 0..10_000 {
        assert_eq!(dense.remove(&key), Some(key));
    }
    assert_eq!((dense.len(), dense.chunks.len()), (0, 0));
}
