//! Causes and reasons in one word, for labels. Of a cause only the text is shown, and it begins with the cause's own
//! words.

use crate::origin::Reason;

/// How a cause's text begins, and its word.
const WORDS: [(&str, &str); 18] = [
    ("connection refused", "refused"),
    ("no route to the peer", "no_route"),
    ("the peer does not answer: it is down, or has no password", "md5"),
    ("the peer does not answer", "timeout"),
    ("the connection was lost", "lost"),
    ("the peer has restarted", "restarted"),
    ("the peer is AS ", "bad_as"),
    ("the peer has our own router ID", "bad_id"),
    ("nothing to exchange", "no_family"),
    ("hold timer expired", "hold_timer"),
    ("the peer closed the session", "remote_cease"),
    ("the peer reports ", "remote_error"),
    ("closed by this node", "local_cease"),
    ("this node restarts", "restart"),
    ("closed in favour of another", "collision"),
    ("the peer sent a malformed", "malformed"),
    ("the peer sent what it must not", "unexpected"),
    ("the password cannot be read", "no_password"),
];

/// The word; what may not start has `held`.
pub(super) fn of(cause: &str) -> &'static str {
    let word = WORDS.iter().find(|(start, _)| cause.starts_with(start));
    word.map_or("held", |(_, word)| *word)
}

/// Why something is not announced.
pub(super) fn withheld(reason: &Reason) -> &'static str {
    match reason {
        Reason::Pending => "pending",
        Reason::PendingDeletion => "pending_deletion",
        Reason::State(_) => "unknown_state",
        Reason::Deleted => "deleted",
        Reason::NoBlock => "no_block",
        Reason::Foreign(_) => "foreign",
        Reason::NoPool => "no_pool",
        Reason::NotExported(_) => "not_exported",
        Reason::Unallocated => "unallocated",
        Reason::Lent(_) => "lent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsm::{Cause, Failure, State};
    use crate::wire::{Family, Notification};

    #[test]
    fn every_cause_has_its_word() {
        let told = |code, subcode| Notification::new(code, subcode, []);
        let as_number = Cause::BadAs {
            expected: 64512,
            got: 64513,
        };
        let nothing = Cause::NoFamily {
            ours: vec![Family::Ipv4],
            theirs: Vec::new(),
        };
        let all = [
            (Cause::Tcp(Failure::Refused), "refused"),
            (Cause::Tcp(Failure::NoRoute), "no_route"),
            (Cause::Tcp(Failure::Timeout), "timeout"),
            (Cause::Tcp(Failure::Md5), "md5"),
            (Cause::Tcp(Failure::Lost), "lost"),
            (Cause::Tcp(Failure::Restarted), "restarted"),
            (as_number, "bad_as"),
            (Cause::BadId([10, 0, 0, 1].into()), "bad_id"),
            (nothing, "no_family"),
            (Cause::HoldTimer(90), "hold_timer"),
            (Cause::received(told(6, 2)), "remote_cease"),
            (Cause::received(told(3, 1)), "remote_error"),
            (Cause::received(told(2, 4)), "remote_error"),
            (Cause::LocalCease(told(6, 1)), "local_cease"),
            (Cause::PlannedStop, "restart"),
            (Cause::Collision, "collision"),
            (Cause::Malformed(told(1, 2)), "malformed"),
            (Cause::Unexpected(State::OpenSent), "unexpected"),
            (Cause::NoPassword("no file".to_owned()), "no_password"),
        ];
        for (cause, word) in all {
            assert_eq!(of(&cause.to_string()), word, "{cause}");
        }
        assert_eq!(of("BGPFilter a does not exist"), "held");
    }
}
