//! `get -w`: what is there, then every change, in every form, whatever becomes of the watch.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::{Heard, birth, recorded, wait};
use clap::Parser;
use cnictl::args::Cli;
use cnictl::cli;
use cnictl::commands::Outcome;
use shared::model::key::{Key, Prefix};
use shared::store::memory::{Memory, MemoryWatch};
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Reads, Revision, Snapshot, Txn};

const V3: &str = "/calico/resources/v3/projectcalico.org";

/// What happens at the store each time a watch is opened.
struct Eventful<F> {
    store: Memory,
    opened: RefCell<u32>,
    event: Rc<F>,
}

impl<F: Fn(&Memory, u32) -> Result<(), StoreError>> Datastore for Eventful<F> {
    type Watch = MemoryWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        self.store.read(reads).await
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        self.store.commit(txn).await
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<MemoryWatch, StoreError> {
        *self.opened.borrow_mut() += 1;
        (self.event)(&self.store, *self.opened.borrow())?;
        self.store.watch(prefixes, after).await
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        self.store.pause(attempt).await
    }
}

/// `cnictl WORDS`, until so many lines were told.
fn follow(
    store: &Memory,
    words: &str,
    lines: usize,
    event: impl Fn(&Memory, u32) -> Result<(), StoreError>,
) -> (Vec<String>, Vec<String>, Outcome) {
    let eventful = Eventful {
        store: store.clone(),
        opened: RefCell::new(0),
        event: Rc::new(event),
    };
    let cli = Cli::try_parse_from(std::iter::once("cnictl").chain(words.split(' '))).unwrap();
    let mut heard = Heard::until(lines);
    let outcome = wait(cli::run_on(&eventful, cli.command, birth(), &mut heard));
    (heard.out, heard.err, outcome)
}

fn pool(store: &Memory, name: &str, cidr: &str) {
    let text = format!(
        r#"{{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{{"name":"{name}"}},"spec":{{"cidr":"{cidr}"}}}}"#
    );
    store.put(Key::stored(format!("{V3}/ippools/{name}")), text);
}

#[test]
fn what_is_there_is_told_first_and_then_what_happens() {
    let store = Memory::new();
    pool(&store, "a", "10.0.0.0/24");
    let (out, err, outcome) = follow(&store, "get ippool -w", 5, |store, _| {
        pool(store, "bb", "10.0.1.0/24");
        pool(store, "a", "10.0.0.0/23");
        store.delete(Key::stored(format!("{V3}/ippools/bb")));
        Ok(())
    });
    assert_eq!((err, outcome), (Vec::new(), Outcome::default()));
    assert_eq!(
        out,
        [
            "EVENT      NAME   CIDR          SELECTOR   \n",
            "ADDED      a      10.0.0.0/24   all()      \n",
            "ADDED      bb     10.0.1.0/24   all()      \n",
            "MODIFIED   a      10.0.0.0/23   all()      \n",
            "DELETED    bb     10.0.1.0/24   all()      \n",
        ]
    );
}

#[test]
fn every_form_tells_what_happened() {
    for (form, told) in [
        ("json", "{\"type\":\"ADDED\",\"object\":{\"kind\":\"IPPool\""),
        (
            "yaml",
            "---\nobject:\n  apiVersion: projectcalico.org/v3\n  kind: IPPool\n",
        ),
        ("name", "ADDED ippool/a\n"),
    ] {
        let store = Memory::new();
        pool(&store, "a", "10.0.0.0/24");
        let (out, _, _) = follow(&store, &format!("get ippool -w -o {form}"), 1, |_, _| Ok(()));
        assert!(out[0].starts_with(told), "{form}: {}", out[0]);
    }
}

#[test]
fn only_what_is_named_is_followed() {
    let store = Memory::new();
    pool(&store, "a", "10.0.0.0/24");
    let (out, _, _) = follow(&store, "get ippool b -w -o custom-columns=NAME", 2, |store, _| {
        pool(store, "a", "10.0.2.0/24");
        pool(store, "b", "10.0.1.0/24");
        Ok(())
    });
    assert_eq!(out, ["EVENT   NAME   \n", "ADDED   b      \n"]);
}

#[test]
fn a_lost_watch_goes_on_where_it_was_and_says_so_once() {
    let store = Memory::new();
    pool(&store, "a", "10.0.0.0/24");
    let (out, err, _) = follow(&store, "get ippool -w -o name", 2, |store, opened| {
        if opened == 1 {
            pool(store, "b", "10.0.1.0/24");
        }
        match opened {
            1..=3 => Err(StoreError::Unreachable("etcd is away".to_owned())),
            _ => Ok(()),
        }
    });
    assert_eq!(out, ["ADDED ippool/a\n", "ADDED ippool/b\n"]);
    assert_eq!(
        err,
        ["Warning: datastore unreachable: etcd is away; going on when it is back\n"]
    );
}

#[test]
fn a_history_that_is_gone_is_made_up_for_by_what_is_there() {
    let store = Memory::new();
    for name in ["a", "b", "c"] {
        pool(&store, name, "10.0.0.0/24");
    }
    let (out, _, _) = follow(&store, "get ippool -w -o name", 6, |store, opened| {
        if opened == 1 {
            store.delete(Key::stored(format!("{V3}/ippools/b")));
            pool(store, "c", "10.0.1.0/24");
            pool(store, "d", "10.0.2.0/24");
            store.compact(store.revision());
        }
        Ok(())
    });
    assert_eq!(
        out[3..],
        ["DELETED ippool/b\n", "MODIFIED ippool/c\n", "ADDED ippool/d\n"]
    );
}

#[test]
fn a_refusal_ends_it() {
    let (_, _, outcome) = follow(&recorded(), "get ippool -w", 100, |_, _| {
        Err(StoreError::Refused("permission denied".to_owned()))
    });
    assert_eq!(
        outcome.error.as_deref(),
        Some("datastore refused: permission denied")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let mixed = "{kind: Node, apiVersion: projectcalico.org/v3, metadata: {name: a}}\n---\n\
                 {kind: IPPool, apiVersion: projectcalico.org/v3, metadata: {name: a}}\n";
    std::fs::write(file.path(), mixed).unwrap();
    let words = format!("get -w -f {}", file.path().display());
    let (_, _, outcome) = follow(&recorded(), &words, 100, |_, _| Ok(()));
    assert!(outcome.error.unwrap().contains("objects of one kind"));
}
