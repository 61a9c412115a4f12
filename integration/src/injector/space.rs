//! Prefixes by their numbers.

use std::net::Ipv4Addr;

/// Equal prefixes side by side.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// The address of the first.
    pub first: Ipv4Addr,
    /// The length of each.
    pub length: u8,
    /// How many there are.
    pub count: usize,
}

/// A prefix as it travels (RFC 4271 §4.3): its length, and as many octets as that takes.
pub(super) type Wire = ([u8; 5], usize);

impl Space {
    /// The address of one.
    pub fn address(&self, number: usize) -> Ipv4Addr {
        let step = 1_u64 << (32 - u32::from(self.length));
        let offset = u64::try_from(number).unwrap_or_default() * step;
        Ipv4Addr::from(u32::from(self.first) + u32::try_from(offset).unwrap_or_default())
    }

    /// One in writing.
    pub fn prefix(&self, number: usize) -> String {
        format!("{}/{}", self.address(number), self.length)
    }

    pub(super) fn wire(&self, number: usize) -> Wire {
        let mut octets = [self.length; 5];
        octets[1..].copy_from_slice(&self.address(number).octets());
        (octets, 1 + usize::from(self.length.div_ceil(8)))
    }

    /// The number of a prefix, if it is one of these.
    pub(super) fn number(&self, address: u32, length: u8) -> Option<usize> {
        let offset = address.checked_sub(u32::from(self.first))?;
        let number = usize::try_from(offset >> (32 - u32::from(self.length))).ok()?;
        (length == self.length && number < self.count).then_some(number)
    }
}

/// Which of them are held, each with the MED it was told with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    meds: Vec<Option<u32>>,
    count: usize,
}

impl Held {
    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether one is.
    pub fn has(&self, number: usize) -> bool {
        self.med(number).is_some()
    }

    /// Its MED.
    pub fn med(&self, number: usize) -> Option<u32> {
        self.meds.get(number).copied().flatten()
    }

    pub(super) fn set(&mut self, number: usize, med: Option<u32>) {
        if number >= self.meds.len() {
            self.meds.resize(number + 1, None);
        }
        match (self.meds[number].is_some(), med.is_some()) {
            (false, true) => self.count += 1,
            (true, false) => self.count -= 1,
            (true, true) | (false, false) => {}
        }
        self.meds[number] = med;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_found_again_by_what_travels() {
        let space = Space {
            first: Ipv4Addr::new(10, 64, 0, 0),
            length: 26,
            count: 1000,
        };
        assert_eq!(space.prefix(5), "10.64.1.64/26");
        assert_eq!(space.wire(5), ([26, 10, 64, 1, 64], 5));
        assert_eq!(space.number(u32::from(space.address(999)), 26), Some(999));
        assert_eq!(space.number(u32::from(space.address(1000)), 26), None);
        assert_eq!(space.number(u32::from(space.address(5)), 27), None);
        assert_eq!(space.number(u32::from(Ipv4Addr::new(10, 0, 0, 0)), 26), None);
    }

    #[test]
    fn what_is_told_twice_is_held_once() {
        let mut held = Held::default();
        held.set(70, Some(1));
        held.set(70, Some(2));
        held.set(3, Some(0));
        held.set(9, None);
        assert_eq!((held.count(), held.med(70), held.has(71)), (2, Some(2), false));
        held.set(70, None);
        assert_eq!(held.count(), 1);
    }
}
