//! The documentation cannot rot: blocks marked `sh test` are run against a cluster, one document after the other; configurations of
//! FRR and BIRD are read by the daemons; every other command that is shown exists, with the flags it is shown with.

use std::fs;

use integration::fences::{Fence, documents, fences};
use integration::process::{Answer, Cmd};
use integration::{Kind, Lab, Pod, require};
use serde_json::json;

#[test]
fn blocks_marked_for_test_do_what_they_say() {
    let mut run = 0;
    for file in documents() {
        let blocks: Vec<_> = fences(&file)
            .into_iter()
            .filter(|one| one.info == "sh test")
            .collect();
        if blocks.is_empty() {
            continue;
        }
        let lab = cluster();
        for block in blocks {
            let answer = shell(&lab, &block.text);
            assert!(answer.status.success(), "{}: {}", block.place(), answer.told());
            run += 1;
        }
    }
    assert!(run >= 15, "only {run} blocks were found");
}

/// A node with a label and a pod: what a reader has before the first command.
fn cluster() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("default-ipv4-ippool", "10.244.0.0/16", 26);
    lab.apply(&json!({"kind": "Node", "metadata": {"name": lab.node.name, "labels": {"rr-group": "rr1", "rack": "1"}},
        "spec": {"bgp": {"ipv4Address": "192.168.1.4/24"}}}));
    lab.node
        .add(&lab.node.conf(), &Pod::kubernetes("default", "web-0"));
    lab
}

fn shell(lab: &Lab, script: &str) -> Answer {
    let dist = require::dist("cnictl");
    let folder = dist.parent().unwrap_or(&dist).display().to_string();
    Cmd::new("sh")
        .no_env()
        .env("PATH", format!("{folder}:/usr/sbin:/usr/bin:/sbin:/bin"))
        .env("HOME", lab.path("home"))
        .env("DATASTORE_TYPE", "etcdv3")
        .env("ETCD_ENDPOINTS", lab.etcd().endpoints())
        .env("MANX_STATE_DIR", lab.node.state_dir())
        .env("MANX_RUN_DIR", lab.node.run_dir())
        .env("NODE", &lab.node.name)
        .args([
            "-euc",
            &format!("cd '{}'\n{script}", require::file(".").display()),
        ])
        .within(lab.node.netns())
        .run()
}

#[test]
fn configurations_of_frr_and_bird_are_what_the_daemons_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut read = 0;
    for fence in documents().iter().flat_map(|file| fences(file)) {
        let file = folder.path().join("conf");
        fs::write(&file, &fence.text).expect("written");
        let file = file.display().to_string();
        let answer = match fence.info.as_str() {
            "frr" => Cmd::new(require::tool("vtysh")).args(["-C", "-f", &file]).run(),
            "bird" => Cmd::new(require::tool("bird")).args(["-p", "-c", &file]).run(),
            _ => continue,
        };
        let refused = answer.stdout.contains("% ") || answer.stderr.contains("rror");
        assert!(
            answer.status.success() && !refused,
            "{}: {}",
            fence.place(),
            answer.told()
        );
        read += 1;
    }
    assert!(read >= 4, "only {read} configurations were found");
}

#[test]
fn every_command_that_is_shown_exists_with_its_flags() {
    let mut seen = 0;
    for fence in documents().iter().flat_map(|file| fences(file)) {
        if !fence.info.starts_with("sh") {
            continue;
        }
        for program in ["cnictl", "bgp-sidecar"] {
            for call in fence.calls(program) {
                exists(program, &call, &fence);
                seen += 1;
            }
        }
    }
    assert!(seen >= 40, "only {seen} commands were found");
}

/// The words before the first flag are subcommands and arguments: the longest run of them that has a help is the command.
fn exists(program: &str, call: &str, fence: &Fence) {
    let words: Vec<_> = call.split_whitespace().skip(1).collect();
    let is_word = |word: &&str| {
        word.chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '-')
            && !word.starts_with('-')
    };
    let leading: Vec<_> = words.iter().copied().take_while(is_word).collect();
    let help = (0..=leading.len())
        .rev()
        .map(|length| {
            Cmd::new(require::dist(program))
                .args(&leading[..length])
                .args(["--help"])
                .quiet()
                .run()
        })
        .find(|answer| answer.status.success());
    let help = help
        .unwrap_or_else(|| panic!("{}: {program} has no help", fence.place()))
        .stdout;
    let first = leading.first().copied().unwrap_or_default();
    assert!(
        first.is_empty() || program != "cnictl" || help.contains(&format!("cnictl {first}")),
        "{}: cnictl has no command {first:?}: {call}",
        fence.place()
    );
    let flags = words.iter().filter(|word| word.starts_with("--"));
    for flag in flags.map(|flag| flag.split('=').next().unwrap_or_default()) {
        assert!(
            help.contains(flag),
            "{}: no {flag} in the help of: {call}\n{help}",
            fence.place()
        );
    }
}
