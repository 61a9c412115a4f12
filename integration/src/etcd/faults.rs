//! What happens to a cluster: members die, hang, forget their history, or are others.

use serde_json::{Value, json};

use super::Etcd;

impl Etcd {
    /// SIGKILL to a member.
    pub fn kill(&self, index: usize) {
        let dead = self.members().daemons[index].take();
        drop(dead);
    }

    /// SIGSTOP (true) or SIGCONT (false) to every member: it accepts connections and answers nothing.
    pub fn freeze(&self, frozen: bool) {
        let members = self.members();
        members
            .daemons
            .iter()
            .flatten()
            .for_each(|member| member.freeze(frozen));
    }

    /// Kills it and begins another at the same address, which knows of nothing.
    pub fn replace(&self) {
        let (number, _) = self.number();
        (0..number).for_each(|index| self.kill(index));
        self.members().lives += 1;
        (0..number).for_each(|index| self.revive(index));
        self.wait_until_healthy();
    }

    /// Forgets its history: a watch from any revision before now cannot be had any more.
    pub fn compact(&self) {
        let header = self.call("/v3/kv/range", &json!({"key": "AA=="}));
        let revision = header["header"]["revision"].as_str().map(str::to_owned);
        let revision: Option<i64> = revision.and_then(|text| text.parse().ok());
        let revision = revision.unwrap_or_else(|| panic!("no revision in {header}"));
        let answer: Value = self.call(
            "/v3/kv/compaction",
            &json!({"revision": revision, "physical": true}),
        );
        assert!(answer["header"].is_object(), "{answer}");
    }
}
