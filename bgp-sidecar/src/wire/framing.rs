//! Where a message ends in what was received (RFC 4271 §4.1), and what is wrong with its header (§6.1).

use super::message::Notification;

/// Marker, length and type.
pub const HEADER: usize = 19;
/// The longest message (RFC 4271 §4.1).
pub const LONGEST: usize = 4096;
/// The longest where extended messages are understood (RFC 8654 §2).
pub const LONGEST_EXTENDED: usize = 65_535;

const MARKER: usize = 16;

/// Type codes (RFC 4271 §4.1, RFC 2918 §3).
pub(super) mod kind {
    pub(crate) const OPEN: u8 = 1;
    pub(crate) const UPDATE: u8 = 2;
    pub(crate) const NOTIFICATION: u8 = 3;
    pub(crate) const KEEPALIVE: u8 = 4;
    pub(crate) const REFRESH: u8 = 5;
}

/// The length of the message the buffer begins with, as soon as all of it is there. `longest` is what we said we
/// understand: [`Negotiated::max_receive`](super::Negotiated::max_receive).
///
/// A wrong header is reported before the rest of the message arrives: it may never do so.
pub fn next(buffer: &[u8], longest: usize) -> Result<Option<usize>, Notification> {
    if buffer.iter().take(MARKER).any(|octet| *octet != 0xFF) {
        return Err(Notification::new(1, 1, Vec::new()));
    }
    let Some(&[high, low]) = buffer.get(MARKER..MARKER + 2) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let bad = || Notification::new(1, 2, vec![high, low]);
    if length < HEADER || length > longest {
        return Err(bad());
    }
    let Some(&code) = buffer.get(MARKER + 2) else {
        return Ok(None);
    };
    let Some((least, most)) = lengths(code, longest) else {
        return Err(Notification::new(1, 3, vec![code]));
    };
    if length < least || length > most {
        return Err(bad());
    }
    Ok((buffer.len() >= length).then_some(length))
}

/// What each type may measure. A ROUTE-REFRESH of a wrong length has an error of its own (RFC 7313 §5).
fn lengths(code: u8, longest: usize) -> Option<(usize, usize)> {
    match code {
        kind::OPEN => Some((29, LONGEST)),
        kind::UPDATE => Some((23, longest)),
        kind::NOTIFICATION => Some((21, longest)),
        kind::KEEPALIVE => Some((HEADER, HEADER)),
        kind::REFRESH => Some((HEADER, longest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: u16, code: u8) -> Vec<u8> {
        let mut octets = vec![0xFF; MARKER];
        octets.extend(length.to_be_bytes());
        octets.push(code);
        octets
    }

    fn refused(buffer: &[u8]) -> (u8, u8, Vec<u8>) {
        let error = next(buffer, LONGEST).unwrap_err();
        (error.code, error.subcode, error.data)
    }

    #[test]
    fn a_message_is_cut_off_where_its_length_says() {
        let mut buffer = header(19, kind::KEEPALIVE);
        for end in 0..HEADER {
            assert_eq!(
                next(&buffer[..end], LONGEST),
                Ok(None),
                "{end} octets are no message yet"
            );
        }
        buffer.extend(header(23, kind::UPDATE));
        assert_eq!(next(&buffer, LONGEST), Ok(Some(19)));
        assert_eq!(next(&buffer[19..], LONGEST), Ok(None));
        buffer.extend([0; 4]);
        assert_eq!(next(&buffer[19..], LONGEST), Ok(Some(23)));
    }

    #[test]
    fn a_broken_marker_is_seen_at_its_first_octet() {
        assert_eq!(refused(&[0xFF, 0xFE]), (1, 1, vec![]));
        assert_eq!(refused(b"GET / HTTP/1.1"), (1, 1, vec![]));
    }

    #[test]
    fn a_wrong_length_is_sent_back() {
        for (length, code) in [(18, 4), (20, 4), (28, 1), (22, 2), (20, 3), (4097, 2)] {
            let data = u16::to_be_bytes(length).to_vec();
            assert_eq!(refused(&header(length, code)), (1, 2, data), "{length} {code}");
        }
    }

    #[test]
    fn an_unknown_type_is_sent_back() {
        assert_eq!(refused(&header(19, 0)), (1, 3, vec![0]));
        assert_eq!(refused(&header(19, 6)), (1, 3, vec![6]));
    }

    #[test]
    fn extended_messages_are_for_all_but_open_and_keepalive() {
        assert_eq!(next(&header(65_535, kind::UPDATE), LONGEST_EXTENDED), Ok(None));
        assert!(next(&header(4097, kind::OPEN), LONGEST_EXTENDED).is_err());
        assert!(next(&header(4097, kind::KEEPALIVE), LONGEST_EXTENDED).is_err());
    }
}
