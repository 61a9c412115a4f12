//! Keys and their values, sorted, up to a number of them.

/// Keys of a chunk, at most: a search in it stays within half a kilobyte, and to make room in it moves three or so.
pub(super) const MOST: usize = 58;

/// Never empty, in a map that nobody is changing.
#[derive(Clone)]
pub(super) struct Chunk<K, V> {
    /// The first of the keys, here so that a search for the chunk need not look elsewhere.
    pub(super) first: K,
    pub(super) keys: Vec<K>,
    pub(super) values: Vec<V>,
}

impl<K: Copy + Ord, V> Chunk<K, V> {
    pub(super) fn new(first: K) -> Self {
        Self {
            first,
            keys: Vec::new(),
            values: Vec::new(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> + '_ {
        self.since(0)
    }

    pub(super) fn since(&self, index: usize) -> impl Iterator<Item = (K, &V)> + '_ {
        let (keys, values) = (self.keys.get(index..), self.values.get(index..));
        let keys = keys.unwrap_or_default().iter().copied();
        keys.zip(values.unwrap_or_default())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> + '_ {
        self.keys.iter().copied().zip(&mut self.values)
    }

    pub(super) fn insert(&mut self, index: usize, key: K, value: V) {
        if self.keys.len() == self.keys.capacity() {
            let more = (self.keys.len() / 2).clamp(4, MOST);
            let more = more.min(MOST.saturating_sub(self.keys.len())).max(1);
            self.keys.reserve_exact(more);
            self.values.reserve_exact(more);
        }
        self.keys.insert(index, key);
        self.values.insert(index, value);
        self.first = self.keys[0];
    }

    /// Gives half of itself away.
    pub(super) fn split(&mut self) -> Self {
        let (keys, values) = (self.keys.split_off(MOST / 2), self.values.split_off(MOST / 2));
        self.keys.shrink_to_fit();
        self.values.shrink_to_fit();
        Self {
            first: keys[0],
            keys,
            values,
        }
    }

    /// Whether both are small enough to be one.
    pub(super) fn takes(&self, next: &Self) -> bool {
        self.keys.len() + next.keys.len() <= MOST / 2
    }

    /// Takes all of the next one.
    pub(super) fn append(&mut self, next: &mut Self) {
        self.keys.append(&mut next.keys);
        self.values.append(&mut next.values);
    }

    /// After something has gone.
    pub(super) fn settle(&mut self) {
        if let Some(first) = self.keys.first() {
            self.first = *first;
        }
        if self.keys.capacity() > 8 + 2 * self.keys.len() {
            self.keys.shrink_to(self.keys.len() + 4);
            self.values.shrink_to(self.keys.len() + 4);
        }
    }
}

/// As [`slice::binary_search`], at first where the last search ended.
pub(super) fn search<K: Ord>(keys: &[K], last: usize, key: &K) -> Result<usize, usize> {
    let mut near = [last, last + 1].into_iter();
    match near.find(|index| keys.get(*index) == Some(key)) {
        Some(index) => Ok(index),
        None => keys.binary_search(key),
    }
}
