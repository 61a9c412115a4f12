//! A plugin that was started early and is held. Its side, and the rule of both:
//!
//! ```text
//! caller   ── start ── its own work ── tell: the configuration ── its own work ── release: a line feed ── end of stdin
//! plugin      exec, page faults …      reads one JSON value, opens its store     begins      (without the line feed: ends)
//! ```
//!
//! A line feed after a JSON value means nothing to a plugin that does not know this: it reads stdin to its end, and begins
//! then. A caller that changes its mind kills the plugin before it closes the pipe.

use std::io::{self, BufRead};
use std::sync::OnceLock;
use std::time::Instant;

use serde::de::IgnoredAny;

use super::error::{CniError, Code};
use super::request::Env;

/// Tells a plugin that it is held.
pub(super) const VARIABLE: &str = "MANX_HELD";
/// The word to go.
pub(super) const RELEASE: u8 = b'\n';

/// Whether this process was started to be held.
pub fn is_held(env: &Env) -> bool {
    env.get(VARIABLE).is_some()
}

/// The first JSON value of stdin; what follows it stays unread. All of stdin where there is no such value.
pub(super) fn read_value(stdin: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let chunk = match stdin.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            return Ok(bytes);
        }
        let (before, count) = (bytes.len(), chunk.len());
        bytes.extend_from_slice(chunk);
        let end = end_of_value(&bytes);
        stdin.consume(end.map_or(count, |end| end.saturating_sub(before)));
        if let Some(end) = end {
            bytes.truncate(end);
            return Ok(bytes);
        }
    }
}

fn end_of_value(bytes: &[u8]) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

/// When this process was released.
static RELEASED: OnceLock<Instant> = OnceLock::new();

/// Returns when the caller says so.
///
/// # Errors
/// The caller is gone, or has changed its mind.
#[expect(clippy::disallowed_methods, reason = "edge: when the call really begins")]
pub fn until_released() -> Result<(), CniError> {
    read_release(&mut std::io::stdin().lock())?;
    RELEASED.get_or_init(Instant::now);
    Ok(())
}

/// When that was. `None`: it was not, and nobody has asked this process for anything.
pub fn released_at() -> Option<Instant> {
    RELEASED.get().copied()
}

fn read_release(stdin: &mut impl BufRead) -> Result<(), CniError> {
    let mut line = Vec::new();
    let read = stdin.read_until(RELEASE, &mut line);
    match read {
        Ok(_) if line.last() == Some(&RELEASE) => Ok(()),
        Ok(_) => Err(CniError::new(
            Code::IoFailure,
            "the caller went away before it said what to do; nothing was touched",
        )),
        Err(error) => Err(CniError::new(Code::IoFailure, format!("stdin: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_ends_however_it_comes_and_the_release_stays_for_later() {
        let text = format!("{{\"a\":[1,{{\"b\":\"}}\"}}],\"c\":\"{}\"}}", "x".repeat(40));
        for size in [1, 7, 64, 4096] {
            let told = format!("{text}\n");
            let mut stdin = io::BufReader::with_capacity(size, told.as_bytes());
            assert_eq!(read_value(&mut stdin).unwrap(), text.as_bytes(), "{size}");
            read_release(&mut stdin).unwrap();
        }
    }

    #[test]
    fn a_caller_that_goes_away_releases_nobody() {
        let mut stdin = "{}".as_bytes();
        assert_eq!(read_value(&mut stdin).unwrap(), b"{}");
        let error = read_release(&mut stdin).unwrap_err();
        assert!(error.msg.contains("nothing was touched"), "{error}");
    }

    #[test]
    fn what_is_no_json_is_read_to_its_end() {
        for text in ["", "{\"a\":", "no"] {
            assert_eq!(read_value(&mut text.as_bytes()).unwrap(), text.as_bytes());
        }
    }
}
