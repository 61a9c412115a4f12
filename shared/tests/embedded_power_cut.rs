//! The embedded store after a power cut: every write of a process that commits is traced, and after each of them the file is
//! built as the disk may have it then (what was synced, and of the rest nothing, all, one page, or all but one), opened, and
//! read.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests: processes and files")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use shared::model::key::Key;
use shared::store::embedded::Embedded;
use shared::store::{Datastore, TransactError, transact};
use shared::txn::{Decision, Reads, Txn, Write};

const PATIENCE: Duration = Duration::from_secs(180);
const STORE: &str = "POWER_CUT_STORE";
const ROUNDS: u64 = 6;
const PAGE: usize = 4096;

fn keys() -> [Key; 2] {
    ["/contract/one", "/contract/other"].map(Key::stored)
}

async fn both(store: &Embedded) -> [u64; 2] {
    let reads = keys().into_iter().fold(Reads::new(), Reads::key);
    let seen = store.read(&reads).await.unwrap();
    keys().map(|key| {
        let number = seen
            .get(&key)
            .map(|entry| String::from_utf8_lossy(&entry.value).parse());
        number.map_or(0, Result::unwrap)
    })
}

/// Adds one to both keys in one Txn. The values are long, so that a commit writes several pages.
async fn step(store: &Embedded) -> Result<(), TransactError<String>> {
    let reads = keys().into_iter().fold(Reads::new(), Reads::key);
    transact(store, reads, |snapshot| {
        let mut txn = Txn::default();
        for key in keys() {
            let value = snapshot.get(&key).map_or(0, |entry| {
                String::from_utf8_lossy(&entry.value).parse::<u64>().unwrap()
            });
            txn.guard(snapshot.guard(&key));
            txn.write(Write::Put(key, format!("{:03000}", value + 1).into_bytes()));
        }
        Ok(Decision::Commit(txn, ()))
    })
    .await
}

/// What the traced process does.
#[tokio::test]
#[ignore = "started by the other test"]
async fn a_process_that_commits() {
    let store = Embedded::open(Path::new(&std::env::var(STORE).unwrap()), PATIENCE).unwrap();
    for _ in 0..ROUNDS {
        step(&store).await.unwrap();
    }
}

/// One write to the file, and whether it is on the disk when the call returns.
#[derive(Clone, Debug)]
struct Written {
    at: usize,
    bytes: Vec<u8>,
    synced: bool,
}

#[derive(Debug)]
enum Event {
    Written(Written),
    Synced,
}

/// `"\x00\x01"` as bytes.
fn unescaped(text: &str) -> Vec<u8> {
    let octets = text.split("\\x").skip(1);
    octets
        .map(|octet| u8::from_str_radix(&octet[..2], 16).unwrap())
        .collect()
}

/// The quoted texts of a line.
fn quoted(line: &str) -> Vec<u8> {
    line.split('"').skip(1).step_by(2).flat_map(unescaped).collect()
}

/// The lines of a trace, those that another thread's came between put together.
fn whole(trace: &str) -> Vec<String> {
    let mut begun = std::collections::BTreeMap::new();
    let mut lines = Vec::new();
    for line in trace.lines() {
        let thread = line.split(' ').next().unwrap();
        if let Some(start) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start);
        } else if let Some((_, end)) = line.split_once(" resumed>") {
            lines.push(format!("{}{end}", begun.remove(thread).unwrap()));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// The number that a text begins with.
fn number(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap()
        .to_owned()
}

/// The last argument of a call.
fn last(rest: &str) -> usize {
    let (arguments, _) = rest.rsplit_once(") = ").unwrap();
    arguments.rsplit_once(", ").unwrap().1.parse().unwrap()
}

/// What is known while a trace is read.
#[derive(Default)]
struct Reading {
    events: Vec<Event>,
    /// Descriptors whose writes are on the disk when they return.
    durable: Vec<String>,
    /// Where a descriptor's next write goes.
    place: std::collections::BTreeMap<String, usize>,
}

impl Reading {
    fn write(&mut self, at: usize, (call, rest): (&str, &str), written: usize) {
        let bytes = quoted(rest);
        assert_eq!(bytes.len(), written, "{call}");
        let synced = self.durable.contains(&number(rest));
        self.events.push(Event::Written(Written { at, bytes, synced }));
    }

    fn line(&mut self, line: &str) {
        let (call, rest) = line.split_once('(').unwrap();
        let call = call.split_whitespace().last().unwrap();
        let (_, answer) = rest.rsplit_once(" = ").unwrap();
        let descriptor = number(rest);
        let count = || number(answer).parse::<usize>().unwrap();
        match call {
            "open" | "openat" if rest.contains("O_DSYNC") => self.durable.push(number(answer)),
            "open" | "openat" => self.durable.retain(|one| *one != number(answer)),
            "lseek" => drop(self.place.insert(descriptor, count())),
            "pwrite64" | "pwritev" => self.write(last(rest), (call, rest), count()),
            "write" | "writev" => {
                let at = self.place.get(&descriptor).copied().unwrap_or_default();
                self.write(at, (call, rest), count());
                self.place.insert(descriptor, at + count());
            }
            "fsync" | "fdatasync" => self.events.push(Event::Synced),
            other => panic!("{other}: {line}"),
        }
    }
}

/// What the trace says of `data.mdb`.
fn events(trace: &str) -> Vec<Event> {
    let mut reading = Reading::default();
    let data = "\\x64\\x61\\x74\\x61\\x2e\\x6d\\x64\\x62";
    for line in whole(trace).iter().filter(|line| line.contains(data)) {
        reading.line(line);
    }
    reading.events
}

fn put(file: &mut Vec<u8>, one: &Written) {
    let end = one.at + one.bytes.len();
    file.resize(file.len().max(end), 0);
    file[one.at..end].copy_from_slice(&one.bytes);
}

/// A disk may have some pages of one write and not the others.
fn pages(one: &Written) -> impl Iterator<Item = Written> {
    let page = |(number, bytes): (usize, &[u8])| Written {
        at: one.at + number * PAGE,
        bytes: bytes.to_vec(),
        synced: false,
    };
    one.bytes.chunks(PAGE).enumerate().map(page)
}

/// What may be of the writes that were not synced: nothing, all, one, all but one.
fn choices(pending: usize) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..pending).collect();
    let mut choices = vec![Vec::new(), all.clone()];
    for one in 0..pending {
        choices.push(vec![one]);
        choices.push(all.iter().copied().filter(|other| *other != one).collect());
    }
    choices.sort();
    choices.dedup();
    choices
}

/// The file opens, both keys say the same, and it goes on; what they say.
async fn opened(file: &[u8]) -> u64 {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("data.mdb"), file).unwrap();
    let store = Embedded::open(temp.path(), PATIENCE).unwrap();
    let [one, other] = both(&store).await;
    assert_eq!(one, other, "a Txn was torn");
    step(&store).await.unwrap();
    assert_eq!(both(&store).await, [one + 1; 2]);
    one
}

/// The process's writes, from an empty store on.
fn traced(path: &Path) -> Vec<Event> {
    let log = path.with_extension("trace");
    let calls = "trace=open,openat,lseek,write,writev,pwrite64,pwritev,fsync,fdatasync";
    let status = Command::new("strace")
        .args(["-f", "-y", "-qq", "-xx", "-s", "10000000", "-e", calls, "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_commits", "--ignored"])
        .env(STORE, path)
        .stdout(Stdio::null())
        .status()
        .expect("strace is installed");
    assert!(status.success());
    events(&std::fs::read_to_string(&log).unwrap())
}

#[tokio::test]
async fn whatever_of_its_writes_a_power_cut_leaves_the_store_is_whole_and_keeps_what_was_committed() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("data");
    drop(Embedded::open(&path, PATIENCE).unwrap());
    let mut disk = std::fs::read(path.join("data.mdb")).unwrap();
    let (mut pending, mut committed, mut cuts): (Vec<Written>, u64, u32) = (Vec::new(), 0, 0);
    for event in traced(&path) {
        match event {
            Event::Written(one) if one.synced => put(&mut disk, &one),
            Event::Written(one) => pending.extend(pages(&one)),
            Event::Synced => pending.drain(..).for_each(|one| put(&mut disk, &one)),
        }
        for choice in choices(pending.len()) {
            let mut file = disk.clone();
            choice.iter().for_each(|one| put(&mut file, &pending[*one]));
            let found = opened(&file).await;
            assert!(found >= committed, "{found} after {committed} were on the disk");
            cuts += 1;
        }
        committed = opened(&disk).await.max(committed);
    }
    println!("{cuts} power cuts");
    assert!(pending.is_empty(), "a commit returned before it was on the disk");
    assert_eq!(committed, ROUNDS);
    assert!(
        cuts > 8 * u32::try_from(ROUNDS).unwrap(),
        "only {cuts} power cuts"
    );
}
