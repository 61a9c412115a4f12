//! What Calico itself left in etcd, step by step: from the state of one step our call leads to the documents of
//! the next, field by field. Which block a host claims first is no contract: there the recorded block's name is
//! put in for ours. Sequence numbers begin at the time, which is taken from the record.

#[cfg(test)]
mod scene;

#[cfg(test)]
#[path = "../../integration/src/calico.rs"]
#[allow(unreachable_pub, reason = "the black-box tests use it too, as a library")]
mod calico;
#[cfg(test)]
#[path = "golden/documents.rs"]
mod documents;
#[cfg(test)]
#[path = "golden/interwork.rs"]
mod interwork;
#[cfg(test)]
#[path = "golden/recorded.rs"]
mod recorded;
#[cfg(test)]
#[path = "golden/steps.rs"]
mod steps;
