//! What happens to a cluster: members die, hang, are full, forget their history, come from a backup, or are others.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Etcd, client_port};
use crate::process::Cmd;

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
        self.members().token = None;
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

    /// SIGSTOP (true) or SIGCONT (false) to one member.
    pub fn freeze_one(&self, index: usize, frozen: bool) {
        let members = self.members();
        members.daemons[index]
            .iter()
            .for_each(|member| member.freeze(frozen));
    }

    /// The port at which clients reach a member.
    pub fn port(&self, index: usize) -> usize {
        client_port(index)
    }

    /// Raises (true) the alarm that a full database raises, or takes it back.
    pub fn is_full(&self, full: bool) {
        let header = self.call("/v3/kv/range", &json!({"key": "AA=="}));
        let action = if full { "ACTIVATE" } else { "DEACTIVATE" };
        let member = &header["header"]["member_id"];
        self.call(
            "/v3/maintenance/alarm",
            &json!({"action": action, "memberID": member, "alarm": "NOSPACE"}),
        );
    }

    /// Keeps what it has stored so far, for [`Self::restore`].
    pub fn back_up(&self) {
        self.at_rest(copy);
    }

    /// Goes on with what [`Self::back_up`] has kept, and with its revision of then.
    pub fn restore(&self) {
        self.at_rest(|data, backup| {
            fs::remove_dir_all(data).unwrap_or_else(|error| panic!("{}: {error}", data.display()));
            copy(backup, data);
        });
    }

    /// Does something with the data of each member, and where its backup is, while none runs.
    fn at_rest(&self, work: impl Fn(&Path, &Path)) {
        let (number, life) = self.number();
        (0..number).for_each(|index| self.kill(index));
        for index in 0..number {
            let place = |what: &str| self.dir.path().join(format!("m{index}.{life}.{what}"));
            work(&place("data"), &place("backup"));
        }
        (0..number).for_each(|index| self.revive(index));
        self.wait_until_healthy();
    }
}

fn copy(from: &Path, to: &Path) {
    Cmd::new("cp").args(["-a"]).args([from, to]).ok();
}
