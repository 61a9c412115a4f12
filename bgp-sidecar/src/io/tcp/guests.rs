//! Who may connect, by address: the kernel knows TCP-MD5 keys by address alone.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use super::{Dial, option};

/// One address that may connect.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Guest {
    /// TCP-MD5.
    pub(super) password: Option<Vec<u8>>,
    /// GTSM.
    pub(super) hops: Option<u8>,
    /// Why nothing from there is let in.
    pub(super) trouble: Option<String>,
}

impl Guest {
    /// The key to set on a listener.
    pub(super) fn key(&self) -> Option<&[u8]> {
        self.password.as_deref().filter(|_| self.trouble.is_none())
    }
}

/// By address.
pub(super) type Guests = BTreeMap<IpAddr, Guest>;

/// Several sessions with one address must agree on the password; of their hops, the fewest hold.
pub(super) fn of<'a>(dials: impl IntoIterator<Item = &'a Dial>) -> Guests {
    let mut guests = Guests::new();
    for dial in dials {
        let address = dial.key.address;
        let trouble = dial.password.as_deref().and_then(|key| unusable(address, key));
        let mut guest = Guest {
            password: dial.password.clone(),
            hops: dial.ttl_security,
            trouble,
        };
        if let Some(other) = guests.remove(&address) {
            if other.password != guest.password {
                guest.trouble = Some(format!(
                    "{address}: two sessions with different passwords, and TCP-MD5 tells addresses apart, not \
                     ports: give them one password; nothing from there is accepted meanwhile"
                ));
            }
            guest.trouble = guest.trouble.or(other.trouble);
            guest.hops = guest.hops.into_iter().chain(other.hops).min();
        }
        guests.insert(address, guest);
    }
    guests
}

/// What is wrong with a key, whatever the kernel says.
pub(super) fn unusable(address: IpAddr, key: &[u8]) -> Option<String> {
    match key.len() {
        0 => Some(format!(
            "{address}: its password is empty: write one or remove it; no session meanwhile"
        )),
        1..=option::MAX_KEY => None,
        length => Some(format!(
            "{address}: its password has {length} octets and TCP-MD5 takes {}: shorten it on both sides; no \
             session meanwhile",
            option::MAX_KEY
        )),
    }
}

/// Why the kernel does not take a key, and the way out.
pub(super) fn refusal(address: IpAddr, error: &io::Error) -> String {
    let way_out = match error.raw_os_error() {
        Some(libc::ENOMEM) => "too many keys on one socket, raise the sysctl net.core.optmem_max",
        Some(libc::ENOPROTOOPT) => "the kernel is built without CONFIG_TCP_MD5SIG",
        Some(_) | None => "the kernel refuses it",
    };
    format!("{address}: its TCP-MD5 key cannot be set ({error}): {way_out}; no session without it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::PeerKey;

    fn dial(port: u16, password: Option<&str>, hops: Option<u8>) -> Dial {
        Dial {
            key: PeerKey {
                address: "10.0.0.1".parse().unwrap(),
                port,
            },
            source: None,
            password: password.map(|key| key.as_bytes().to_vec()),
            ttl_security: hops,
            passive: false,
        }
    }

    fn only(dials: &[Dial]) -> Guest {
        of(dials).into_values().next().unwrap()
    }

    #[test]
    fn two_sessions_with_one_address_must_share_their_password() {
        let guest = only(&[dial(179, Some("a"), None), dial(1790, Some("a"), Some(3))]);
        assert_eq!((guest.key(), guest.hops), (Some(b"a".as_slice()), Some(3)));
        for other in [Some("b"), None] {
            let guest = only(&[dial(179, Some("a"), None), dial(1790, other, None)]);
            assert_eq!(guest.key(), None);
            assert!(guest.trouble.unwrap().contains("10.0.0.1: two sessions"));
        }
    }

    #[test]
    fn a_password_that_tcp_cannot_carry_lets_nobody_in() {
        assert!(only(&[dial(179, Some(&"x".repeat(80)), None)]).trouble.is_none());
        for (key, said) in [("x".repeat(81), "has 81 octets"), (String::new(), "is empty")] {
            let guest = only(&[dial(179, Some(&key), None)]);
            assert_eq!(guest.key(), None);
            assert!(guest.trouble.unwrap().contains(said));
        }
    }

    #[test]
    fn a_full_socket_names_the_sysctl() {
        let full = io::Error::from_raw_os_error(libc::ENOMEM);
        assert!(refusal("fd00::1".parse().unwrap(), &full).contains("net.core.optmem_max"));
    }
}
