//! Each target over its corpus, and over mutations of it. `MANX_SEED` and `MANX_EXECUTIONS` make it another run, or a longer one.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fuzz::mutate::Mutator;
use fuzz::{TARGETS, Target};

const EXECUTIONS: u64 = 1_000;

fn number(name: &str, default: u64) -> u64 {
    let told = std::env::var(name).ok();
    told.map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error}"))
    })
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn survives(target: &Target, octets: &[u8], how: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(octets)));
    assert!(
        outcome.is_ok(),
        "{} does not survive {how}: {:?}",
        target.name,
        String::from_utf8_lossy(octets)
    );
}

fn short(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(target);
    assert!(corpus.len() >= 3, "{name} has a corpus of {} only", corpus.len());
    for octets in &corpus {
        survives(target, octets, "its corpus");
        for end in 0..octets.len().min(512) {
            survives(target, &octets[..end], "a part of its corpus");
        }
    }
    let (seed, executions) = (number("MANX_SEED", 1), number("MANX_EXECUTIONS", EXECUTIONS));
    let mut mutator = Mutator::new(seed);
    for at in 0..executions {
        let octets = mutator.change(&corpus);
        survives(target, &octets, &format!("execution {at} of seed {seed}"));
    }
    println!("{name}: {executions} executions of seed {seed}");
}

macro_rules! targets {
    ($($name:ident),*) => {
        $( #[test] fn $name() { short(stringify!($name)); } )*

        #[test]
        fn every_target_is_run_here_and_by_libfuzzer() {
            let here = [$(stringify!($name)),*];
            let all: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, here);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer/fuzz_targets");
            for name in here {
                let text = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
                assert!(text.contains(&format!("fuzz::targets::{name}(")), "{text}");
            }
        }
    };
}

targets!(
    cni_call,
    pod,
    conflist,
    stored_value,
    bgp_message,
    bgp_open,
    yaml,
    selector,
    status_request
);
