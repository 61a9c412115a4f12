//! Several watchers, one order: a batch up to a revision is complete only when every watcher has reached it.
//! Pure.

use std::collections::BTreeMap;

use super::super::super::Change;

/// What has come from each watcher and was not handed on yet.
#[derive(Debug)]
pub(super) struct Merge {
    /// Up to where each watcher has told everything, by its number.
    seen: BTreeMap<u64, u64>,
    held: BTreeMap<u64, Vec<Change>>,
    /// Up to where everything was handed on.
    told: u64,
}

impl Merge {
    pub(super) fn new(watchers: u64, after: u64) -> Self {
        Self {
            seen: (0..watchers).map(|watcher| (watcher, after)).collect(),
            held: BTreeMap::new(),
            told: after,
        }
    }

    /// One more, which tells what happens after a revision.
    pub(super) fn add(&mut self, watcher: u64, after: u64) {
        self.seen.insert(watcher, after);
    }

    /// One less. What it has told stays; what it tells until the server has heard of it is nobody's any more.
    pub(super) fn remove(&mut self, watcher: u64) {
        self.seen.remove(&watcher);
    }

    /// A change by a watcher; all of one revision come in one message.
    pub(super) fn change(&mut self, watcher: u64, revision: u64, change: Option<Change>) {
        if self.seen.contains_key(&watcher) {
            self.at(watcher, revision);
            self.held.entry(revision).or_default().extend(change);
        }
    }

    /// A watcher has told everything up to the revision.
    pub(super) fn at(&mut self, watcher: u64, revision: u64) {
        if let Some(seen) = self.seen.get_mut(&watcher) {
            *seen = revision.max(*seen);
        }
    }

    /// Every watcher has.
    pub(super) fn all_at(&mut self, revision: u64) {
        self.seen
            .values_mut()
            .for_each(|seen| *seen = revision.max(*seen));
    }

    /// Nobody says whether every watcher has: what has come counts as everything.
    pub(super) fn all_have_told(&mut self) {
        if let Some(last) = self.held.keys().next_back().copied() {
            self.all_at(last);
        }
    }

    /// Changes wait for a watcher that is behind.
    pub(super) fn waits(&self) -> bool {
        !self.held.is_empty()
    }

    /// The changes that are complete, and up to which revision. One that comes late, after the server's word that
    /// everything had come, is handed on at once: the word was wrong, and nothing may ever follow it.
    pub(super) fn ready(&mut self) -> Option<(u64, Vec<Change>)> {
        let floor = self.seen.values().copied().min()?.max(self.told);
        let late = self
            .held
            .first_key_value()
            .is_some_and(|(first, _)| *first <= self.told);
        if floor == self.told && !late {
            return None;
        }
        let later = self.held.split_off(&(floor + 1));
        let complete = std::mem::replace(&mut self.held, later);
        self.told = floor;
        Some((floor, complete.into_values().flatten().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::Key;
    use crate::txn::Revision;

    fn change(name: &str, revision: u64) -> Option<Change> {
        Some(Change::Delete(Key::handle(name), Revision(revision)))
    }

    #[test]
    fn one_watcher_hands_on_at_once() {
        let mut merge = Merge::new(1, 5);
        assert_eq!(merge.ready(), None);
        merge.change(0, 7, change("a", 7));
        let (revision, changes) = merge.ready().unwrap();
        assert_eq!((revision, changes.len()), (7, 1));
        assert_eq!(merge.ready(), None);
    }

    #[test]
    fn what_a_watcher_tells_before_it_is_removed_stays_and_nothing_after() {
        let mut merge = Merge::new(2, 5);
        merge.change(1, 6, change("before", 6));
        merge.remove(1);
        merge.change(1, 7, change("after", 7));
        merge.at(0, 8);
        let (revision, changes) = merge.ready().unwrap();
        assert_eq!((revision, changes), (8, vec![change("before", 6).unwrap()]));
        assert!(!merge.waits());
    }

    #[test]
    fn a_change_that_comes_after_the_word_that_all_had_come_is_handed_on_at_once() {
        let mut merge = Merge::new(2, 5);
        merge.change(0, 7, change("early", 7));
        merge.all_at(8);
        assert_eq!(merge.ready().map(|(revision, _)| revision), Some(8));
        merge.change(1, 6, change("late", 6));
        let (revision, changes) = merge.ready().unwrap();
        assert_eq!((revision, changes.len()), (8, 1), "no revision goes back");
        assert!(!merge.waits());
        assert_eq!(merge.ready(), None);
    }

    #[test]
    fn where_nobody_says_how_far_it_is_what_has_come_is_handed_on_and_what_is_late_follows() {
        let mut merge = Merge::new(3, 5);
        merge.all_have_told();
        assert_eq!(merge.ready(), None);
        merge.change(0, 7, change("a", 7));
        merge.change(1, 8, change("b", 8));
        merge.all_have_told();
        let (revision, changes) = merge.ready().unwrap();
        assert_eq!((revision, changes.len()), (8, 2));
        merge.change(2, 7, change("late", 7));
        assert_eq!(
            merge.ready().map(|(revision, changes)| (revision, changes.len())),
            Some((8, 1))
        );
    }

    #[test]
    fn a_batch_waits_for_the_watcher_that_is_behind() {
        let mut merge = Merge::new(2, 5);
        merge.change(0, 9, change("late", 9));
        assert_eq!(merge.ready(), None);
        assert!(merge.waits());
        merge.change(1, 7, change("early", 7));
        let (revision, changes) = merge.ready().unwrap();
        assert_eq!((revision, changes), (7, vec![change("early", 7).unwrap()]));
        merge.all_at(9);
        let (revision, changes) = merge.ready().unwrap();
        assert_eq!((revision, changes), (9, vec![change("late", 9).unwrap()]));
        assert!(!merge.waits());
    }

    #[test]
    fn a_watcher_that_joins_is_waited_for_and_one_that_leaves_is_not() {
        let mut merge = Merge::new(2, 5);
        merge.add(2, 6);
        merge.change(0, 7, change("a", 7));
        merge.at(1, 7);
        assert_eq!(merge.ready().map(|(revision, _)| revision), Some(6));
        merge.remove(2);
        merge.change(2, 7, change("nobody's", 7));
        assert_eq!(merge.ready(), Some((7, vec![change("a", 7).unwrap()])));
    }

    #[test]
    fn a_change_of_a_watcher_that_stays_comes_late_even_if_another_has_joined() {
        let mut merge = Merge::new(2, 7);
        merge.change(0, 11, change("affinity", 11));
        merge.all_at(11);
        assert_eq!(merge.ready().map(|(revision, _)| revision), Some(11));
        merge.add(2, 11);
        merge.change(1, 10, change("node", 10));
        assert_eq!(merge.ready(), Some((11, vec![change("node", 10).unwrap()])));
    }
}
