//! Calls of the plugins, summed up. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::cni::Code;
use shared::state::calls::Call;

/// Upper bounds of a histogram, in seconds: a warm ADD is in the first two, one that waits for its datastore in the last.
pub const BOUNDS: [f64; 7] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 25.0];

/// Plugins and verbs that are counted; a line that says anything else is none of ours.
const PLUGINS: [&str; 2] = ["cni-ipam", "cni-net"];
const VERBS: [&str; 4] = ["ADD", "CHECK", "DEL", "GC"];

/// What was counted, by plugin and verb.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally(BTreeMap<String, BTreeMap<String, Count>>);

/// Of one plugin and verb.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// By code; 0 is a success. Those of other programs, which could be any, are together under [`OTHER`].
    pub codes: BTreeMap<u32, u64>,
    /// How many took no longer than the bound, and longer than the one before.
    pub took: [u64; BOUNDS.len()],
    /// How long all of them took together.
    pub microseconds: u64,
}

/// Stands for a code that is none of ours.
pub const OTHER: u32 = u32::MAX;

impl Tally {
    /// One more.
    pub fn add(&mut self, call: &Call) {
        if !PLUGINS.contains(&call.plugin.as_str()) || !VERBS.contains(&call.verb.as_str()) {
            return;
        }
        let of_plugin = self.0.entry(call.plugin.clone()).or_default();
        let count = of_plugin.entry(call.verb.clone()).or_default();
        let known = Code::from_number(call.code);
        let code = match matches!(known, Code::Other(number) if number != 0) {
            true => OTHER,
            false => known.number(),
        };
        *count.codes.entry(code).or_default() += 1;
        let within = |bound: &f64| call.took <= Duration::from_secs_f64(*bound);
        if let Some(place) = BOUNDS.iter().position(within) {
            count.took[place] += 1;
        }
        let took = u64::try_from(call.took.as_micros()).unwrap_or(u64::MAX);
        count.microseconds = count.microseconds.saturating_add(took);
    }

    /// Everything, by plugin and verb.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, &Count)> {
        self.0.iter().flat_map(|(plugin, verbs)| {
            let verbs = verbs.iter();
            verbs.map(move |(verb, count)| (plugin.as_str(), verb.as_str(), count))
        })
    }
}

impl Count {
    /// How many.
    pub fn total(&self) -> u64 {
        self.codes.values().sum()
    }

    /// How many took no longer than each bound.
    pub fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut sum = 0;
        BOUNDS.iter().zip(self.took).map(move |(bound, count)| {
            sum += count;
            (*bound, sum)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines
            .iter()
            .filter_map(|line| Call::parse(line))
            .for_each(|call| tally.add(&call));
        tally
    }

    #[test]
    fn calls_are_counted_by_code_and_time() {
        let tally = tally(&[
            "cni-net ADD 0 9000",
            "cni-net ADD 0 10000",
            "cni-net ADD 11 26000000",
            "cni-net ADD 999 60000",
            "cni-ipam DEL 0 1",
            "cni-net STATUS 0 1",
            "bridge ADD 0 1",
        ]);
        let all: Vec<_> = tally.all().map(|(plugin, verb, _)| (plugin, verb)).collect();
        assert_eq!(all, [("cni-ipam", "DEL"), ("cni-net", "ADD")]);
        let (_, _, add) = tally.all().nth(1).unwrap();
        assert_eq!(add.codes, BTreeMap::from([(0, 2), (11, 1), (OTHER, 1)]));
        assert_eq!(add.total(), 4);
        let within: Vec<u64> = add.cumulated().map(|(_, count)| count).collect();
        assert_eq!(within, [2, 2, 3, 3, 3, 3, 3]);
        assert_eq!(add.microseconds, 26_079_000);
    }

    #[test]
    fn it_is_the_same_after_a_restart() {
        let tally = tally(&["cni-net ADD 0 9000", "cni-net DEL 11 1"]);
        let text = serde_json::to_string(&tally).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
    }
}
