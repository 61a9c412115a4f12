//! Whom a router speaks to, and how.

use super::Tor;

/// A neighbour of a router; the family is its address's.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Where it is.
    pub address: String,
    /// Its AS.
    pub number: u32,
    /// The router's own address towards it, where that is another.
    pub source: Option<String>,
    /// TCP-MD5 (RFC 2385).
    pub password: Option<String>,
    /// GTSM (RFC 5082): it is at most so many hops away.
    pub hops: Option<u8>,
    /// Hold time offered to it, seconds.
    pub hold: Option<u16>,
    /// Seconds between two attempts to connect.
    pub retry: u16,
    /// Routes of it outlive a NOTIFICATION, where the make can (RFC 8538).
    pub lenient: bool,
}

impl Neighbour {
    pub(super) fn new(address: &str, number: u32) -> Self {
        Self {
            address: address.to_owned(),
            number,
            source: None,
            password: None,
            hops: None,
            hold: None,
            retry: 1,
            lenient: false,
        }
    }

    /// Whether it is spoken to by IPv6.
    pub fn is_six(&self) -> bool {
        self.address.contains(':')
    }
}

/// What is said about the neighbour that was named last.
impl Tor {
    /// It has this password.
    pub fn with_password(self, password: &str) -> Self {
        self.last(|one| one.password = Some(password.to_owned()))
    }

    /// It is at most so many hops away, and farther off is not listened to.
    pub fn within_hops(self, hops: u8) -> Self {
        self.last(|one| one.hops = Some(hops))
    }

    /// It may be silent for so many seconds.
    pub fn with_hold(self, seconds: u16) -> Self {
        self.last(|one| one.hold = Some(seconds))
    }

    /// An attempt to connect to it lasts.
    pub fn patiently(self) -> Self {
        self.last(|one| one.retry = 60)
    }

    /// Its routes outlive a NOTIFICATION.
    pub fn leniently(self) -> Self {
        self.last(|one| one.lenient = true)
    }

    fn last(mut self, change: impl FnOnce(&mut Neighbour)) -> Self {
        let last = self.neighbours.last_mut();
        change(last.unwrap_or_else(|| panic!("{} knows nobody yet", self.address)));
        self
    }
}
