//! What is let in and let out: BGPFilters, then what Calico's own policy is, then what nobody may overrule.

mod community;
mod export;
mod field;
mod filter;
mod import;
mod local;
mod parse;
mod refusal;

#[cfg(test)]
pub(crate) mod fixtures;

pub use community::Community;
pub use export::{Export, OWN_LOCAL_PREF, Shape, Tag, Target, Withheld};
pub use field::PolicyError;
pub use filter::{
    Action, Direction, Filter, MatchOperator, Matched, Net, Operation, PeerType, Rule, Subject,
};
pub use import::Import;
pub use local::{Own, Pool, Pools};
pub use refusal::{Refusal, Verdict};
