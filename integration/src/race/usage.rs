//! What a process uses, as /proc tells it.

use std::fs;

/// Of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Seconds of processor time, of hundredths.
    pub cpu: f64,
    /// Resident now, KiB.
    pub resident: u64,
    /// Resident at most, KiB.
    pub peak: u64,
}

/// Resident at most, KiB, of one that may have ended already.
pub fn peak(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// So far.
pub fn of(pid: i32) -> Usage {
    let read = |what: &str| {
        let path = format!("/proc/{pid}/{what}");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let status = read("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_default()
    };
    let stat = read("stat");
    // The second field is a name in brackets, with any characters in it.
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    let ticks = |index: usize| -> f64 {
        let field = after.split(' ').nth(index).and_then(|field| field.parse().ok());
        field.unwrap_or_default()
    };
    Usage {
        cpu: (ticks(11) + ticks(12)) / 100.0,
        resident: field("VmRSS:"),
        peak: field("VmHWM:"),
    }
}
