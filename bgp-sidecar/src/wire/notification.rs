//! NOTIFICATION (RFC 4271 §4.5): the ones we send, and all of them in words.

use super::message::Notification;

/// CEASE (RFC 4486 §3).
pub const CEASE: u8 = 6;

/// Subcodes of CEASE (RFC 4486 §3, RFC 8538 §3.1).
pub mod cease {
    /// More prefixes than allowed.
    pub const MAXIMUM_PREFIXES: u8 = 1;
    /// The operator wants no session.
    pub const ADMINISTRATIVE_SHUTDOWN: u8 = 2;
    /// The peer is not configured any more.
    pub const PEER_DECONFIGURED: u8 = 3;
    /// The operator wants a new session.
    pub const ADMINISTRATIVE_RESET: u8 = 4;
    /// Not wanted, after the TCP connection was accepted.
    pub const CONNECTION_REJECTED: u8 = 5;
    /// The configuration has changed.
    pub const OTHER_CONFIGURATION_CHANGE: u8 = 6;
    /// Another connection survives (RFC 4271 §6.8).
    pub const COLLISION: u8 = 7;
    /// No memory or the like.
    pub const OUT_OF_RESOURCES: u8 = 8;
    /// No graceful restart, whatever was agreed on (RFC 8538 §3).
    pub const HARD_RESET: u8 = 9;
}

/// The text of a shutdown is at most so long (RFC 9003 §2).
const TEXT: usize = 255;

impl Notification {
    /// Any.
    pub fn new(code: u8, subcode: u8, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        Self { code, subcode, data }
    }

    /// 2/2, Bad Peer AS (RFC 4271 §6.2).
    pub fn bad_peer_as() -> Self {
        Self::new(2, 2, [])
    }

    /// 2/3, Bad BGP Identifier (RFC 4271 §6.2, RFC 6286 §2.2).
    pub fn bad_identifier() -> Self {
        Self::new(2, 3, [])
    }

    /// 2/7, Unsupported Capability (RFC 5492 §5): the capabilities that are missed.
    pub fn unsupported_capability(missed: impl Into<Vec<u8>>) -> Self {
        Self::new(2, 7, missed)
    }

    /// 4, Hold Timer Expired (RFC 4271 §6.5).
    pub fn hold_timer_expired() -> Self {
        Self::new(4, 0, [])
    }

    /// 5, Finite State Machine Error (RFC 6608 §3): 1 OpenSent, 2 OpenConfirm, 3 Established.
    pub fn unexpected_message(subcode: u8) -> Self {
        Self::new(5, subcode, [])
    }

    /// 6, Cease (RFC 4486 §3).
    pub fn cease(subcode: u8) -> Self {
        Self::new(CEASE, subcode, [])
    }

    /// 6/2 or 6/4 with a text for the peer's operator (RFC 9003 §2), cut off at 255 octets between two characters.
    pub fn shutdown(subcode: u8, text: &str) -> Self {
        let end = (0..=text.len().min(TEXT))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        let text = text.get(..end.unwrap_or(0)).unwrap_or("").as_bytes();
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        let mut data = vec![length];
        data.extend(text);
        Self::new(CEASE, subcode, data)
    }

    /// 6/9 around another (RFC 8538 §3.1): routes are forgotten at once.
    #[must_use]
    pub fn hard(self) -> Self {
        let mut data = vec![self.code, self.subcode];
        data.extend(self.data);
        Self::new(CEASE, cease::HARD_RESET, data)
    }

    /// The one inside a hard reset, or this one.
    #[must_use]
    pub fn inner(&self) -> Self {
        match (self.code, self.subcode, self.data.as_slice()) {
            (CEASE, cease::HARD_RESET, [code, subcode, data @ ..]) => Self::new(*code, *subcode, data),
            _ => self.clone(),
        }
    }

    /// The operator's text in a shutdown or a reset (RFC 9003 §2); what is no UTF-8 is replaced.
    pub fn text(&self) -> Option<String> {
        let inner = self.inner();
        let spoken = [cease::ADMINISTRATIVE_SHUTDOWN, cease::ADMINISTRATIVE_RESET];
        if inner.code != CEASE || !spoken.contains(&inner.subcode) {
            return None;
        }
        let (length, text) = inner.data.split_first()?;
        let text = text.get(..usize::from(*length))?;
        let shown: String = String::from_utf8_lossy(text)
            .chars()
            .map(|one| if one.is_control() { '\u{FFFD}' } else { one })
            .collect();
        (!shown.is_empty()).then_some(shown)
    }
}

/// One line for an operator: `Cease: Administrative Shutdown (6/2): "moving rack 7"`.
pub fn describe(notification: &Notification) -> String {
    let inner = notification.inner();
    let (code, subcode) = (inner.code, inner.subcode);
    let hard = if *notification == inner {
        ""
    } else {
        "Hard Reset: "
    };
    let class = class(code);
    let head = match name(code, subcode) {
        Some(name) => format!("{hard}{class}: {name} ({code}/{subcode})"),
        None => format!("{hard}{class} ({code}/{subcode})"),
    };
    match (inner.text(), inner.data.as_slice()) {
        (Some(text), _) => format!("{head}: \"{text}\""),
        (None, []) => head,
        (None, data) => format!("{head}, data {}", hex(data)),
    }
}

fn hex(data: &[u8]) -> String {
    const SHOWN: usize = 32;
    let digits: String = data
        .iter()
        .take(SHOWN)
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let more = if data.len() > SHOWN { "…" } else { "" };
    format!("{digits}{more}")
}

fn class(code: u8) -> &'static str {
    match code {
        1 => "Message Header Error",
        2 => "OPEN Message Error",
        3 => "UPDATE Message Error",
        4 => "Hold Timer Expired",
        5 => "Finite State Machine Error",
        CEASE => "Cease",
        7 => "ROUTE-REFRESH Message Error",
        _ => "Unknown Error",
    }
}

/// Subcodes by class, from 1.
const HEADER: &[&str] = &[
    "Connection Not Synchronized",
    "Bad Message Length",
    "Bad Message Type",
];
const OPEN: &[&str] = &[
    "Unsupported Version Number",
    "Bad Peer AS",
    "Bad BGP Identifier",
    "Unsupported Optional Parameter",
    "Authentication Failure",
    "Unacceptable Hold Time",
    "Unsupported Capability",
];
const UPDATE: &[&str] = &[
    "Malformed Attribute List",
    "Unrecognized Well-known Attribute",
    "Missing Well-known Attribute",
    "Attribute Flags Error",
    "Attribute Length Error",
    "Invalid ORIGIN Attribute",
    "AS Routing Loop",
    "Invalid NEXT_HOP Attribute",
    "Optional Attribute Error",
    "Invalid Network Field",
    "Malformed AS_PATH",
];
const MACHINE: &[&str] = &[
    "Receive Unexpected Message in OpenSent State",
    "Receive Unexpected Message in OpenConfirm State",
    "Receive Unexpected Message in Established State",
];
const CEASES: &[&str] = &[
    "Maximum Number of Prefixes Reached",
    "Administrative Shutdown",
    "Peer De-configured",
    "Administrative Reset",
    "Connection Rejected",
    "Other Configuration Change",
    "Connection Collision Resolution",
    "Out of Resources",
    "Hard Reset",
    "BFD Down",
];

fn name(code: u8, subcode: u8) -> Option<&'static str> {
    let names = match code {
        1 => HEADER,
        2 => OPEN,
        3 => UPDATE,
        5 => MACHINE,
        CEASE => CEASES,
        7 => &["Invalid Message Length"],
        _ => &[],
    };
    names.get(usize::from(subcode).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_says_why_in_at_most_255_octets() {
        let said = Notification::shutdown(2, "moving rack 7");
        assert_eq!(said.data[0], 13);
        assert_eq!(
            describe(&said),
            "Cease: Administrative Shutdown (6/2): \"moving rack 7\""
        );
        let long = Notification::shutdown(4, &"ä".repeat(200));
        assert_eq!((long.data.len(), long.data[0]), (255, 254));
        assert_eq!(long.text().map(|text| text.chars().count()), Some(127));
        assert_eq!(Notification::shutdown(2, "").data, [0]);
    }

    #[test]
    fn a_text_cut_short_or_no_utf8_is_no_trouble() {
        assert_eq!(Notification::new(6, 2, [9, b'a']).text(), None);
        assert_eq!(
            Notification::new(6, 2, [2, 0xFF, b'\n']).text().as_deref(),
            Some("\u{FFFD}\u{FFFD}")
        );
        assert_eq!(Notification::new(6, 7, [1, b'a']).text(), None);
    }

    #[test]
    fn a_hard_reset_tells_what_is_inside() {
        let hard = Notification::shutdown(2, "bye").hard();
        assert_eq!((hard.subcode, &hard.data[..2]), (9, &[6, 2][..]));
        assert_eq!(
            describe(&hard),
            "Hard Reset: Cease: Administrative Shutdown (6/2): \"bye\""
        );
        assert_eq!(describe(&Notification::cease(9)), "Cease: Hard Reset (6/9)");
    }

    #[test]
    fn unknown_codes_are_shown_as_numbers() {
        assert_eq!(
            describe(&Notification::new(9, 8, [1, 2])),
            "Unknown Error (9/8), data 0102"
        );
        assert_eq!(
            describe(&Notification::new(2, 2, [])),
            "OPEN Message Error: Bad Peer AS (2/2)"
        );
        assert_eq!(
            describe(&Notification::hold_timer_expired()),
            "Hold Timer Expired (4/0)"
        );
    }
}
