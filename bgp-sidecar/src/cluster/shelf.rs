//! Documents of one kind: the last of each that could be read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Shelf<K, T> {
    values: BTreeMap<K, T>,
    seen: BTreeMap<K, Seen>,
}

/// A document as it is stored now.
#[derive(Clone, Debug)]
struct Seen {
    bytes: Arc<[u8]>,
    /// Why it cannot be read.
    problem: Option<String>,
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone + Display, T: Clone> Shelf<K, T> {
    /// These are all there are now.
    pub(super) fn fill<'a>(
        &mut self,
        entries: impl IntoIterator<Item = (K, &'a Arc<[u8]>)>,
        read: impl Fn(&K, &[u8]) -> Result<T, String>,
    ) {
        let mut before = std::mem::take(&mut self.seen);
        for (key, bytes) in entries {
            let same = |old: &Seen| Arc::ptr_eq(&old.bytes, bytes) || old.bytes == *bytes;
            let seen = match before.remove(&key).filter(same) {
                Some(old) => old,
                None => Seen {
                    bytes: Arc::clone(bytes),
                    problem: match read(&key, bytes) {
                        Ok(value) => {
                            self.values.insert(key.clone(), value);
                            None
                        }
                        Err(text) => Some(text),
                    },
                },
            };
            self.seen.insert(key, seen);
        }
        let seen = &self.seen;
        self.values.retain(|key, _| seen.contains_key(key));
    }

    /// By name.
    pub(super) fn values(&self) -> &BTreeMap<K, T> {
        &self.values
    }

    /// Sorted by name.
    pub(super) fn list(&self) -> Vec<T> {
        self.values.values().cloned().collect()
    }

    /// How many documents there are, readable or not.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }

    /// What cannot be read, and what counts instead.
    pub(super) fn problems(&self, kind: &str) -> Vec<String> {
        let one = |(key, seen): (&K, &Seen)| {
            let text = seen.problem.as_ref()?;
            let instead = match self.values.contains_key(key) {
                true => "what it said before goes on counting",
                false => "it is left out",
            };
            Some(super::problem(kind, key, &format!("{text}: {instead}")))
        };
        self.seen.iter().filter_map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(shelf: &mut Shelf<String, u8>, entries: &[(&str, &str)]) {
        let entries: Vec<(String, Arc<[u8]>)> = entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().into()))
            .collect();
        let read = |_: &String, bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            text.parse::<u8>().map_err(|error| error.to_string())
        };
        shelf.fill(entries.iter().map(|(key, value)| (key.clone(), value)), read);
    }

    #[test]
    fn what_cannot_be_read_any_more_keeps_its_last_value_and_what_is_gone_none() {
        let mut all = Shelf::default();
        shelf(&mut all, &[("a", "1"), ("b", "x"), ("c", "3")]);
        shelf(&mut all, &[("a", "x"), ("b", "2")]);
        assert_eq!(
            all.values(),
            &BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)])
        );
        let [problem] = &all.problems("Number")[..] else {
            panic!("{:?}", all.problems("Number"));
        };
        assert!(problem.starts_with("Number a: ") && problem.ends_with("goes on counting"));
        shelf(&mut all, &[("b", "2")]);
        shelf(&mut all, &[("a", "x"), ("b", "2")]);
        assert_eq!(all.values().get("a"), None, "deleted and made anew");
        assert_eq!(all.count(), 2);
        assert!(all.problems("Number")[0].ends_with("it is left out"));
    }

    #[test]
    fn what_has_not_changed_is_not_read_again() {
        let mut all: Shelf<String, u8> = Shelf::default();
        let reads = std::cell::Cell::new(0);
        let read = |_: &String, _: &[u8]| {
            reads.set(reads.get() + 1);
            Ok(7)
        };
        for bytes in [&b"1"[..], b"1", b"2"] {
            let bytes: Arc<[u8]> = bytes.into();
            all.fill([("a".to_owned(), &bytes)], read);
        }
        assert_eq!(reads.get(), 2);
    }
}
