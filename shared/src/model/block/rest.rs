//! Addresses that rest after their release (`ipCooldownSeconds`), when there is no other left.

use std::net::IpAddr;

use jiff::Timestamp;

use super::Block;

impl Block {
    /// The ordinal that has been resting for the longest, and since when, if its address is not reserved.
    pub fn oldest_resting(&self, reserved: impl Fn(IpAddr) -> bool) -> Option<(Timestamp, usize)> {
        let resting = |ordinal: usize| {
            let since = self.attribute(ordinal)?.released_at.as_deref()?;
            Some((since.parse::<Timestamp>().ok()?, ordinal))
        };
        (0..self.allocations.len())
            .filter(|ordinal| !reserved(self.address(*ordinal)))
            .filter_map(resting)
            .min()
    }

    /// Ends the rest of an ordinal: it is free from now on.
    pub fn wake(&mut self, ordinal: usize) {
        let resting = self
            .attribute(ordinal)
            .is_some_and(|attribute| attribute.released_at.is_some());
        if resting {
            self.free(&[ordinal]);
        }
    }
}
