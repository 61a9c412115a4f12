//! The documentation cannot rot: blocks marked `sh test` are run against a cluster, blocks marked `sh test machine` on a machine
//! where nothing is installed yet, one document after the other; configurations of FRR and BIRD are read by the daemons; every other command that is shown exists, with the flags it is shown with.

use std::fs;

use integration::fences::{Fence, documents, fences};
use integration::process::Cmd;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, require};
use serde_json::{Value, json};

use super::reader::Place;

#[test]
fn blocks_marked_for_test_do_what_they_say() {
    let (mut cluster, mut machine) = (0, 0);
    for file in documents() {
        cluster += run(&file, "sh test", || Place::new(cluster_of_a_reader(), true));
        machine += run(&file, "sh test machine", || {
            Place::new(Lab::new(Kind::Embedded), false)
        });
    }
    assert!(cluster >= 26, "only {cluster} blocks for a cluster were found");
    assert!(machine >= 6, "only {machine} blocks for a machine were found");
}

/// Runs those blocks of a document one after the other, in one place; how many there were.
fn run(file: &str, info: &str, place: impl Fn() -> Place) -> usize {
    let blocks: Vec<_> = fences(file).into_iter().filter(|one| one.info == info).collect();
    if blocks.is_empty() {
        return 0;
    }
    let place = place();
    let _sidecar = place.cluster.then(|| alive(&place.lab));
    for block in &blocks {
        let answer = place.shell(&block.text);
        assert!(answer.status.success(), "{}: {}", block.place(), answer.told());
    }
    blocks.len()
}

/// What a reader has before the first command: a node with a label and a pod, and others that are in the datastore alone.
fn cluster_of_a_reader() -> Lab {
    let lab = Lab::plain(Kind::Etcd);
    lab.pool("default-ipv4-ippool", "10.244.0.0/16", 26);
    let node = |name: &str, address: &str, labels: Value| {
        lab.apply(
            &json!({"kind": "Node", "metadata": {"name": name, "labels": labels},
            "spec": {"bgp": {"ipv4Address": address}}}),
        );
    };
    node(
        &lab.node.name,
        "192.168.1.4/24",
        json!({"rr-group": "rr1", "rack": "1"}),
    );
    node("n1", "192.168.1.5/24", json!({}));
    node("n2", "192.168.1.6/24", json!({}));
    node("n7", "192.168.1.7/24", json!({}));
    lab.node
        .add(&lab.node.conf(), &Pod::kubernetes("default", "web-0"));
    lab
}

/// The node's sidecar, of which there is a sign of life.
fn alive(lab: &Lab) -> Sidecar<'_> {
    let sidecar = Sidecar::start(lab, &lab.node, &json!({}));
    eventually("a sidecar lives", || {
        (!lab.etcd().under("/manx/v1/nodes/").is_empty()).then_some(())
    });
    sidecar
}

#[test]
fn a_reader_of_the_install_section_has_a_machine_that_starts_pods_and_then_has_it_no_more() {
    let place = Place::new(Lab::new(Kind::Embedded), false);
    let blocks = fences("docs/install.md");
    let blocks = blocks.iter().filter(|one| one.info == "sh test machine");
    let [by_hand, upgrade, _, away] = blocks.collect::<Vec<_>>()[..] else {
        panic!("the section has other blocks");
    };
    let conflist = place.machine.path("/etc/cni/net.d/10-manx.conflist");
    place.shell(&by_hand.text).ok_only();
    assert!(conflist.is_file() && place.machine.path("/opt/cni/bin/cni-ipam").is_file());
    let pod = Pod::new("read");
    let call = |verb: &str| place.call(verb, &pod);
    assert!(call("ADD").contains("10.244."), "an address of conf/ippool.yaml");
    place.shell(&upgrade.text).ok_only();
    call("DEL");
    place.shell(&away.text).ok_only();
    for path in [
        "/etc/cni/net.d",
        "/opt/cni/bin/cni-net",
        "/var/lib/cni/manx",
        "/run/manx/attachments",
    ] {
        assert!(!place.machine.path(path).exists(), "{path} is left");
    }
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
