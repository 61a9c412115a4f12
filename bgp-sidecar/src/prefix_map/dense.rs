//! A sorted map of full chunks. Where keys come in order, as most tables do, a chunk is full before the next one begins;
//! a B-tree of the standard library splits its nodes in halves and keeps them so.

use std::cell::Cell;

use super::chunk::{Chunk, MOST, search};

/// What becomes of a value.
#[derive(Debug)]
pub enum Fate<V> {
    /// It stays, as it is there now; or none comes.
    Keep,
    /// It is this one.
    Put(V),
    /// It goes.
    Remove,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Dense<K, V> {
    chunks: Vec<Chunk<K, V>>,
    len: usize,
    /// Where something was looked for last: what is looked for next is mostly there or behind it.
    last: Cell<At>,
}

/// Where a key is, or would be.
#[derive(Clone, Copy, Default)]
struct At {
    chunk: usize,
    index: usize,
}

impl<K, V> Default for Dense<K, V> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
            last: Cell::default(),
        }
    }
}

impl<K: Copy + Ord, V> Dense<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let at = self.find(key).ok()?;
        self.chunks[at.chunk].values.get(at.index)
    }

    /// Decides about one key with one search for it.
    pub(super) fn change(&mut self, key: K, decide: impl FnOnce(Option<&mut V>) -> Fate<V>) {
        match self.find(&key) {
            Ok(at) => {
                let value = &mut self.chunks[at.chunk].values[at.index];
                match decide(Some(value)) {
                    Fate::Keep => {}
                    Fate::Put(new) => *value = new,
                    Fate::Remove => drop(self.remove_at(at)),
                }
            }
            Err(at) => {
                if let Fate::Put(new) = decide(None) {
                    self.insert_at(at, key, new);
                }
            }
        }
    }

    /// What was there before.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(
                &mut self.chunks[at.chunk].values[at.index],
                value,
            )),
            Err(at) => {
                self.insert_at(at, key, value);
                None
            }
        }
    }

    /// What was there.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.find(key).ok()?;
        Some(self.remove_at(at))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> + '_ {
        self.chunks.iter().flat_map(Chunk::iter)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> + '_ {
        self.chunks.iter_mut().flat_map(Chunk::iter_mut)
    }

    /// From this key on.
    pub(super) fn since(&self, key: K) -> impl Iterator<Item = (K, &V)> + '_ {
        let (Ok(at) | Err(at)) = self.find(&key);
        let mut chunks = self.chunks.iter().skip(at.chunk);
        let first = chunks.next().map(|chunk| chunk.since(at.index));
        first.into_iter().flatten().chain(chunks.flat_map(Chunk::iter))
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(K, &mut V) -> bool) {
        for chunk in &mut self.chunks {
            let kept: Vec<bool> = chunk.iter_mut().map(|(key, value)| keep(key, value)).collect();
            let (mut keys, mut values) = (kept.iter(), kept.iter());
            chunk.keys.retain(|_| keys.next() == Some(&true));
            chunk.values.retain(|_| values.next() == Some(&true));
            chunk.settle();
        }
        let chunks = std::mem::take(&mut self.chunks).into_iter();
        for mut chunk in chunks.filter(|chunk| !chunk.keys.is_empty()) {
            match self.chunks.last_mut() {
                Some(last) if last.takes(&chunk) => last.append(&mut chunk),
                Some(_) | None => self.chunks.push(chunk),
            }
        }
        self.len = self.chunks.iter().map(|chunk| chunk.keys.len()).sum();
    }

    fn find(&self, key: &K) -> Result<At, At> {
        let last = self.last.get();
        let chunk = match self.spans(last.chunk, key) {
            true => last.chunk,
            false => {
                let after = self.chunks.partition_point(|chunk| chunk.first <= *key);
                after.saturating_sub(1)
            }
        };
        let Some(keys) = self.chunks.get(chunk).map(|chunk| &chunk.keys) else {
            return Err(At::default());
        };
        let found = match keys.last() {
            Some(end) if end < key => Err(keys.len()),
            Some(_) | None => search(keys, last.index, key),
        };
        let (Ok(index) | Err(index)) = found;
        let at = At { chunk, index };
        self.last.set(at);
        found.map(|_| at).map_err(|_| at)
    }

    /// Whether a key is in this chunk or in none.
    fn spans(&self, chunk: usize, key: &K) -> bool {
        let begun = self.chunks.get(chunk).is_some_and(|chunk| chunk.first <= *key);
        begun && self.chunks.get(chunk + 1).is_none_or(|next| *key < next.first)
    }

    fn insert_at(&mut self, at: At, key: K, value: V) {
        let at = self.room(at, key);
        self.chunks[at.chunk].insert(at.index, key, value);
        self.len += 1;
    }

    /// Where there is room for what belongs there.
    fn room(&mut self, at: At, key: K) -> At {
        let next = At {
            chunk: at.chunk + 1,
            index: 0,
        };
        match self.chunks.get_mut(at.chunk) {
            None => self.chunks.push(Chunk::new(key)),
            Some(chunk) if chunk.keys.len() < MOST => {}
            Some(_) if at.index == MOST => {
                let follower = self.chunks.get(next.chunk);
                if follower.is_none_or(|chunk| chunk.keys.len() >= MOST) {
                    self.chunks.insert(next.chunk, Chunk::new(key));
                }
                return next;
            }
            Some(chunk) => {
                let half = chunk.split();
                self.chunks.insert(next.chunk, half);
                let left = MOST / 2;
                if at.index > left {
                    return At {
                        index: at.index - left,
                        ..next
                    };
                }
            }
        }
        at
    }

    fn remove_at(&mut self, at: At) -> V {
        let chunk = &mut self.chunks[at.chunk];
        chunk.keys.remove(at.index);
        let value = chunk.values.remove(at.index);
        self.len -= 1;
        if chunk.keys.is_empty() {
            self.chunks.remove(at.chunk);
            return value;
        }
        chunk.settle();
        if chunk.keys.len() < MOST / 4 && !self.join(at.chunk) && at.chunk > 0 {
            self.join(at.chunk - 1);
        }
        value
    }

    /// Makes a chunk and the next one, if both are small, one.
    fn join(&mut self, index: usize) -> bool {
        let Some([one, next]) = self.chunks.get_mut(index..index + 2) else {
            return false;
        };
        if !one.takes(next) {
            return false;
        }
        one.append(next);
        self.chunks.remove(index + 1);
        true
    }
}

#[cfg(test)]
mod tests;
