//! `docs/errors.md` and the code hold the same codes, and each has what an operator needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use shared::cni::Code;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Heading (number and name) → the text below it.
fn entries() -> BTreeMap<u32, (String, String)> {
    let text = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let mut entries = BTreeMap::new();
    for section in text.split("\n### ").skip(1) {
        let (heading, body) = section.split_once('\n').unwrap();
        let (number, name) = heading.split_once(' ').unwrap();
        let number = number.parse().unwrap();
        let earlier = entries.insert(number, (name.to_owned(), body.to_owned()));
        assert_eq!(earlier, None, "{number} has two entries");
    }
    entries
}

#[test]
fn every_code_has_its_entry_and_every_entry_its_code() {
    let named = |code: &Code| {
        let text = code.to_string();
        let name = text.split_once(' ').unwrap().0.to_owned();
        (code.number(), name)
    };
    let coded: BTreeMap<u32, String> = Code::ALL.iter().map(named).collect();
    let told: BTreeMap<u32, String> = entries()
        .into_iter()
        .map(|(number, (name, _))| (number, name))
        .collect();
    assert_eq!(told, coded);
}

#[test]
fn every_entry_says_what_it_means_its_cause_the_way_out_and_an_example() {
    for (number, (name, body)) in entries() {
        let meaning = Code::from_number(number).meaning();
        let plain = body.replace('`', "");
        assert!(
            plain.trim_start().starts_with(meaning),
            "{number} {name}: {meaning}"
        );
        for part in ["\n- Cause: ", "\n- Way out: ", "\n> "] {
            assert!(body.contains(part), "{number} {name} lacks {part:?}");
        }
    }
}

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The numbers in the bodies of `fn code(&self) -> u32`, as the errors of each room give them.
fn given(text: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for body in text.split("fn code(&self) -> u32 {").skip(1) {
        let body = body.split("\n    }\n").next().unwrap();
        // A constant is no code: `const EEXIST: i32 = 17;`.
        let lines = body
            .lines()
            .filter(|line| !line.trim_start().starts_with("const "));
        for line in lines {
            let last = line
                .trim_end_matches([',', '}', ' '])
                .rsplit("=> ")
                .next()
                .unwrap();
            numbers.extend(last.trim().parse::<u32>());
        }
    }
    numbers
}

#[test]
fn every_number_an_error_gives_is_in_the_table() {
    let mut files = Vec::new();
    for place in ["shared/src", "cni-net/src", "cni-ipam/src", "cnictl/src"] {
        sources(&root().join(place), &mut files);
    }
    let mut found = BTreeSet::new();
    for file in files {
        let numbers = given(&fs::read_to_string(&file).unwrap());
        for number in &numbers {
            let known = !matches!(Code::from_number(*number), Code::Other(_));
            assert!(known, "{}: {number} is not in shared::cni::error", file.display());
        }
        found.extend(numbers);
    }
    for number in [7, 11, 101, 105, 121, 122, 140, 145, 170, 175] {
        assert!(found.contains(&number), "{number} is given nowhere: {found:?}");
    }
}
