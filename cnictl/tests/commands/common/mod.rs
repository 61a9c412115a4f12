//! What the tests share: a store holding what Calico recorded, and commands run on it.
#![allow(dead_code, clippy::unwrap_used, reason = "tests; each file uses its part")]

pub(crate) mod dead;
pub(crate) mod hooked;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;
use cnictl::args::Cli;
use cnictl::cli;
use cnictl::commands::{Birth, Outcome, Screen, apply};
use cnictl::decide::Verb;
use shared::model::key::Key;
use shared::store::Datastore;
use shared::store::memory::Memory;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// The time of every call, and UUIDs in a row.
pub(crate) fn birth() -> Birth {
    Birth {
        now: "2026-11-22T16:12:47.5Z".parse().unwrap(),
        uid: || {
            format!(
                "00000000-0000-4000-8000-{:012}",
                NEXT.fetch_add(1, Ordering::Relaxed)
            )
        },
    }
}

/// Runs to the end on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

/// The keys Calico left at the end of the recorded sequence, from which the recorded tables were printed.
pub(crate) fn recorded() -> Memory {
    let store = Memory::new();
    let keys: BTreeMap<String, String> =
        serde_json::from_str(include_str!("../../recorded/keys.json")).unwrap();
    for (key, value) in keys {
        store.put(Key::stored(key), value);
    }
    store
}

/// What a command that goes on has told, until a line was told so many times.
pub(crate) struct Heard {
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
    patience: usize,
}

impl Heard {
    pub(crate) fn until(patience: usize) -> Self {
        Self {
            out: Vec::new(),
            err: Vec::new(),
            patience,
        }
    }
}

impl Screen for Heard {
    fn out(&mut self, text: &str) -> bool {
        self.out.push(text.to_owned());
        self.out.len() < self.patience
    }

    fn err(&mut self, text: &str) {
        self.err.push(text.to_owned());
    }
}

/// `cnictl WORDS` on the store.
pub(crate) fn cnictl(store: &impl Datastore, words: &str) -> Outcome {
    words_of(store, &words.split(' ').collect::<Vec<_>>())
}

/// The same with words that may have blanks in them.
pub(crate) fn words_of(store: &impl Datastore, words: &[&str]) -> Outcome {
    let cli = Cli::try_parse_from(std::iter::once("cnictl").chain(words.iter().copied())).unwrap();
    wait(cli::run_on(store, cli.command, birth(), &mut Heard::until(1)))
}

/// `cnictl apply -f` of this text.
pub(crate) fn apply(store: &impl Datastore, text: &str) -> Outcome {
    put(store, Verb::Apply, text)
}

/// `cnictl apply`, `create` or `replace -f` of this text.
pub(crate) fn put(store: &impl Datastore, verb: Verb, text: &str) -> Outcome {
    wait(apply::run(store, &request(verb, text), birth()))
}

/// The same before it is made.
pub(crate) fn request(verb: Verb, text: &str) -> apply::Request {
    apply::Request {
        verb,
        texts: vec![("f.yaml".to_owned(), text.to_owned())],
        namespace: None,
        skip_exists: false,
        skip_empty: false,
    }
}

/// The stored value of a key.
pub(crate) fn value(store: &Memory, key: &str) -> Option<String> {
    let entry = store.dump().get(key).cloned();
    entry.map(|entry| String::from_utf8(entry.value).unwrap())
}

/// The stored object of a key.
pub(crate) fn object(store: &Memory, key: &str) -> serde_json::Value {
    serde_json::from_str(&value(store, key).unwrap()).unwrap()
}
