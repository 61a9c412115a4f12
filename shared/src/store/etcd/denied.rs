//! What a refusal for want of a right was about: etcd itself does not say. Pure.

use super::super::StoreError;
use super::failure::DENIED;
use crate::txn::{Range, Reads, Txn};

/// This many keys are named.
const NAMED: usize = 4;

/// The refusal of a read.
pub(super) fn reading(error: StoreError, reads: &Reads) -> StoreError {
    about(error, "to read", reads.ranges.iter().map(range).collect())
}

/// The refusal of a transaction: of one of its writes, as a rule.
pub(super) fn writing(error: StoreError, txn: &Txn) -> StoreError {
    let keys = txn.writes.iter().map(|write| write.key().to_string());
    about(error, "to write", keys.collect())
}

fn range(range: &Range) -> String {
    match range {
        Range::Key(key) | Range::Exists(key) => key.to_string(),
        Range::Prefix(prefix) | Range::Keys(prefix) => format!("{prefix}…"),
        Range::Count(span) => format!("{}…", span.from()),
    }
}

fn about(error: StoreError, verb: &str, mut keys: Vec<String>) -> StoreError {
    let StoreError::Refused(text) = error else {
        return error;
    };
    if !text.contains(DENIED) {
        return StoreError::Refused(text);
    }
    let more = match keys.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    keys.truncate(NAMED);
    StoreError::Refused(format!("{text}; asked for was {verb} {}{more}", keys.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::{Key, Prefix};
    use crate::txn::Write;

    #[test]
    fn a_refused_right_names_its_keys_and_another_error_stays_as_it_is() {
        let denied = || StoreError::Refused(format!("http://a: etcdserver: {DENIED}"));
        let mut txn = Txn::default();
        txn.write(Write::Delete(Key::stored("/a")));
        let text = writing(denied(), &txn).to_string();
        assert!(
            text.ends_with("permission denied; asked for was to write /a"),
            "{text}"
        );
        let reads = (0..6).fold(Reads::new().prefix(Prefix::stored("/p/")), |reads, at| {
            reads.key(Key::stored(format!("/{at}")))
        });
        let text = reading(denied(), &reads).to_string();
        assert!(text.ends_with("to read /p/…, /0, /1, /2 and 3 more"), "{text}");
        let other = StoreError::Unreachable("http://a".to_owned());
        assert_eq!(reading(other.clone(), &reads), other);
    }
}
