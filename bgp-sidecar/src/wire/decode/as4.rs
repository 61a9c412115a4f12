//! What a peer with two-octet numbers passed on without reading it (RFC 6793 §4.2.3).

use super::attributes::Parsed;
use crate::wire::AS_TRANS;
use crate::wire::attributes::{AsPath, Segment};

/// AS4_AGGREGATOR and AS4_PATH go into AGGREGATOR and AS_PATH, unless an old speaker has aggregated after they were
/// made.
pub(super) fn merge(parsed: &mut Parsed) {
    let path = parsed.as4_path.take();
    if let (Some((number, _)), Some(four)) = (parsed.aggregator, parsed.as4_aggregator.take()) {
        if number != u32::from(AS_TRANS) {
            return;
        }
        parsed.aggregator = Some(four);
    }
    let (Some(two), Some(four)) = (parsed.as_path.as_mut(), path) else {
        return;
    };
    let four = AsPath(four);
    if let Some(leading) = two.length().checked_sub(four.length()) {
        let mut segments = take(two, leading);
        join(&mut segments, four);
        *two = AsPath(segments);
    }
}

/// AS4_PATH's octets without AS_CONFED_SEQUENCE and AS_CONFED_SET (RFC 5065); `None` if there are none of them, or if it
/// cannot be told where a segment ends.
pub(super) fn without_confederations(mut octets: &[u8]) -> Option<Vec<u8>> {
    const CONFEDERATION: [u8; 2] = [3, 4];
    let (mut kept, mut any) = (Vec::new(), false);
    while let [kind, count, ..] = octets {
        let (segment, rest) = octets.split_at_checked(2 + 4 * usize::from(*count))?;
        match CONFEDERATION.contains(kind) {
            true => any = true,
            false => kept.extend_from_slice(segment),
        }
        octets = rest;
    }
    (any && octets.is_empty()).then_some(kept)
}

/// The first of the path, so many that it counts this.
fn take(path: &AsPath, mut wanted: usize) -> Vec<Segment> {
    let mut taken = Vec::new();
    for segment in &path.0 {
        match segment {
            _ if wanted == 0 => break,
            Segment::Set(numbers) => {
                taken.push(Segment::Set(numbers.clone()));
                wanted -= 1;
            }
            Segment::Sequence(numbers) => {
                let some: Vec<u32> = numbers.iter().take(wanted).copied().collect();
                wanted -= some.len();
                taken.push(Segment::Sequence(some));
            }
        }
    }
    taken
}

/// Where one sequence goes on in the next it stays one, as long as its length fits an octet.
fn join(segments: &mut Vec<Segment>, four: AsPath) {
    let mut four = four.0.into_iter().peekable();
    if let (Some(Segment::Sequence(last)), Some(Segment::Sequence(first))) =
        (segments.last_mut(), four.peek())
        && last.len() + first.len() <= usize::from(u8::MAX)
    {
        last.extend(first);
        four.next();
    }
    segments.extend(four);
}
