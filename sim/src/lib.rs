//! A large cluster in one process, in virtual time and from a seed: the deciders of `shared::ipam` on the datastore in memory, and
//! `bgp_sidecar::origin` for what each node announces. Nothing here is a model of ours, but for two things that are no code of
//! ours: when pods come and go ([`day`]), and how long a line and a processor take ([`latency`]).
//!
//! It is no benchmark: nothing is timed. It counts.

pub mod cluster;
pub mod day;
pub mod dice;
pub mod erosion;
pub mod latency;
pub mod routes;
pub mod sessions;
pub mod table;
pub mod tally;
pub mod words;

use words::Words;

/// Everything that the command line asks for, as Markdown.
pub fn run(words: &Words) -> Result<String, String> {
    let mut text = String::new();
    if words.part("day") {
        text.push_str(&day::run(words)?);
    }
    if words.part("erosion") {
        text.push_str(&erosion::run(words)?);
    }
    if words.part("sessions") {
        text.push_str(&sessions::run());
    }
    if words.part("latency") {
        text.push_str(&latency::run(words));
    }
    Ok(text)
}
