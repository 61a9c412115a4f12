//! A steady beat of echo requests, every one accounted for by its number: a busy machine slows the beat down and loses nothing.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::meanwhile::catches_interrupts;
use crate::netns::Netns;
use crate::process::Running;
use crate::wait::eventually;

/// How long a flow may go on.
const LIMIT: Duration = Duration::from_secs(900);
/// `ping` counts in 16 bits.
const NUMBERS: i64 = 1 << 16;
/// How long an answer may be on its way when the last request is sent.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// Echo requests from one namespace to one address.
pub struct Flow {
    running: Running,
    beat: Duration,
    what: String,
}

/// What became of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Whose.
    pub what: String,
    /// Requests up to the last one that was answered.
    pub sent: u64,
    /// Those without an answer, in time.
    pub lost: Duration,
    /// The longest row of them.
    pub longest: Duration,
}

impl Flow {
    /// Starts it, a request every so often; returns when answers come.
    pub fn start(netns: &Netns, address: &str, beat: Duration) -> Self {
        let running = netns
            .command("ping")
            .args(["-n", "-i", &beat.as_secs_f64().to_string(), "-W", "20", address])
            .limit(LIMIT)
            .start();
        let status = format!("/proc/{}/status", running.pid());
        eventually("ping catches SIGINT", || {
            catches_interrupts(&status).then_some(())
        });
        let what = format!("{} to {address}", netns.name());
        Self { running, beat, what }
    }

    /// Ends it, when everything that is under way has had its time.
    pub fn end(self) -> Counted {
        kill(Pid::from_raw(self.running.pid()), Signal::SIGINT)
            .unwrap_or_else(|error| panic!("SIGINT: {error}"));
        let answer = self.running.wait();
        let numbers = unwrapped(answer.stdout.lines().filter_map(answered));
        let sent = sent(&answer.stdout).unwrap_or_else(|| panic!("no count in {}", answer.told()));
        let counted = count(&numbers, self.beat, &self.what);
        let rest = sent.saturating_sub(counted.sent);
        let rest = self.beat * u32::try_from(rest).unwrap_or(u32::MAX);
        assert!(rest < UNDER_WAY, "{}: no answer to the last {rest:?}", self.what);
        eprintln!("{counted:?}");
        counted
    }

    /// Ends it; every request was answered.
    pub fn none_lost(self) {
        let counted = self.end();
        assert_eq!(counted.lost, Duration::ZERO, "{counted:?}");
    }
}

/// Ends several; every request of every one was answered.
pub fn none_lost(flows: impl IntoIterator<Item = Flow>) {
    let counted: Vec<_> = flows.into_iter().map(Flow::end).collect();
    let lossy: Vec<_> = counted.iter().filter(|one| !one.lost.is_zero()).collect();
    assert!(lossy.is_empty() && !counted.is_empty(), "{lossy:#?}");
}

/// The number in a line that is an answer, and no complaint of a router.
fn answered(line: &str) -> Option<i64> {
    let (_, rest) = line.split_once(" bytes from ")?.1.split_once("icmp_seq=")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn sent(stdout: &str) -> Option<u64> {
    let line = stdout
        .lines()
        .find(|line| line.contains(" packets transmitted"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Numbers that go on where those of `ping` begin anew.
fn unwrapped(numbers: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut last = 0;
    let mut all: Vec<i64> = numbers
        .map(|number| {
            let step = (number - last).rem_euclid(NUMBERS);
            last += if step < NUMBERS / 2 { step } else { step - NUMBERS };
            last
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn count(numbers: &[i64], beat: Duration, what: &str) -> Counted {
    let before = [0].iter().chain(numbers);
    let gaps = before.zip(numbers).map(|(one, next)| next - one - 1);
    let times = |missing: i64| beat * u32::try_from(missing).unwrap_or(u32::MAX);
    Counted {
        what: what.to_owned(),
        sent: numbers
            .last()
            .and_then(|last| u64::try_from(*last).ok())
            .unwrap_or(0),
        lost: times(gaps.clone().sum()),
        longest: times(gaps.max().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_millis(1);

    #[test]
    fn answers_are_told_from_complaints() {
        assert_eq!(
            answered("64 bytes from 10.0.0.1: icmp_seq=7 ttl=61 time=0.1 ms"),
            Some(7)
        );
        assert_eq!(
            answered("From 10.0.0.1 icmp_seq=7 Destination Host Unreachable"),
            None
        );
        assert_eq!(answered("PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data."), None);
    }

    #[test]
    fn what_is_missing_is_counted_over_the_end_of_the_numbers_too() {
        let numbers = unwrapped([1, 2, 5, 4, 4, 9].into_iter());
        let counted = count(&numbers, BEAT, "");
        assert_eq!(
            (counted.sent, counted.lost, counted.longest),
            (9, BEAT * 4, BEAT * 3)
        );
        let long = (1..=70_000).filter(|number| *number != 65_536 && *number != 66_000);
        let counted = count(&unwrapped(long.map(|number| number % NUMBERS)), BEAT, "");
        assert_eq!((counted.sent, counted.lost), (70_000, BEAT * 2));
    }
}
