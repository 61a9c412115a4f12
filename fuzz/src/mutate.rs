//! Octets made into others, from a seed.

/// A source of changes (splitmix64).
#[derive(Clone, Debug)]
pub struct Mutator(u64);

/// Values at which code tends to go wrong.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'\n'];
/// Longer inputs are cut.
const LONGEST: usize = 8 * 1024;

impl Mutator {
    /// From this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap_or_default()
    }

    /// One of the corpus, changed in one to eight places.
    pub fn change(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut octets = self.one_of(corpus);
        for _ in 0..=self.below(8) {
            self.step(&mut octets, corpus);
        }
        octets.truncate(LONGEST);
        octets
    }

    fn one_of(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        corpus.get(self.below(corpus.len())).cloned().unwrap_or_default()
    }

    fn span(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        from..from + self.below((length - from).min(64) + 1)
    }

    fn step(&mut self, octets: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (at, way) = (self.below(octets.len()), self.below(8));
        match (way, octets.get_mut(at)) {
            (0, Some(octet)) => *octet ^= 1 << self.below(8),
            (1, Some(octet)) => *octet = EDGES[self.below(EDGES.len())],
            (2, Some(octet)) => {
                *octet = octet.wrapping_add(u8::try_from(self.below(256)).unwrap_or_default())
            }
            (3, _) => {
                let span = self.span(octets.len());
                octets.drain(span);
            }
            (4, _) => {
                let span = self.span(octets.len());
                let again: Vec<u8> = octets[span.clone()].to_vec();
                octets.splice(span.start..span.start, again);
            }
            (5, _) => octets.insert(at, EDGES[self.below(EDGES.len())]),
            (6, _) => {
                let other = self.one_of(corpus);
                let (from, into) = (self.span(other.len()), self.span(octets.len()));
                octets.splice(into, other[from].iter().copied());
            }
            (7, _) => octets.truncate(at),
            (_, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_changes_and_most_change_something() {
        let corpus = vec![b"hello, world".to_vec(), b"0123456789".to_vec()];
        let some = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..200).map(|_| mutator.change(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(some(7), some(7));
        assert_ne!(some(7), some(8));
        let changed = some(7).iter().filter(|octets| !corpus.contains(octets)).count();
        assert!(changed > 150, "{changed}");
        assert!(Mutator::new(1).change(&[]).len() <= LONGEST);
    }
}
