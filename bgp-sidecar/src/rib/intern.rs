//! One allocation for every distinct set of attributes.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::wire::Attributes;

/// Gives equal attributes one allocation, and forgets what nobody holds.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    known: BTreeSet<Arc<Attributes>>,
    /// How many may be there before the unused are looked for.
    sweep_at: usize,
}

impl Interner {
    /// Below this many, unused ones do no harm.
    const SMALL: usize = 64;

    /// The one allocation of these attributes.
    pub fn intern(&mut self, attributes: &Attributes) -> Arc<Attributes> {
        if let Some(known) = self.known.get(attributes) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.sweep_at.max(Self::SMALL) {
            self.sweep();
        }
        let new = Arc::new(attributes.clone());
        self.known.insert(Arc::clone(&new));
        new
    }

    /// Forgets what nobody holds any more.
    pub fn sweep(&mut self) {
        self.known.retain(|one| Arc::strong_count(one) > 1);
        self.sweep_at = self.known.len() * 2;
    }

    /// How many sets of attributes are kept.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// None is kept.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn attributes(last: u32) -> Attributes {
        Attributes::originated(IpAddr::from(Ipv4Addr::from(0x0a00_0000 + last)))
    }

    #[test]
    fn equal_attributes_are_one_allocation() {
        let mut interner = Interner::default();
        let one = interner.intern(&attributes(1));
        assert!(Arc::ptr_eq(&one, &interner.intern(&attributes(1))));
        assert!(!Arc::ptr_eq(&one, &interner.intern(&attributes(2))));
    }

    #[test]
    fn what_nobody_holds_goes_without_being_asked() {
        let mut interner = Interner::default();
        let held = interner.intern(&attributes(0));
        for last in 1..10_000 {
            interner.intern(&attributes(last));
        }
        assert!(interner.len() <= Interner::SMALL + 1, "{}", interner.len());
        assert!(Arc::ptr_eq(&held, &interner.intern(&attributes(0))));
        drop(held);
        interner.sweep();
        assert!(interner.is_empty());
    }
}
