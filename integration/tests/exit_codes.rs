//! What a script relies on: calicoctl's exit codes, the answer on standard output, the reason on standard error.

use integration::process::Answer;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::json;

on_both_stores!(
    a_command_that_did_what_it_was_told_ends_with_0_and_another_with_1_and_the_reason,
    what_a_refusal_leaves_alone_is_as_it_was,
);

fn lab(kind: Kind) -> Lab {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

fn said(lab: &Lab, line: &str) -> Answer {
    lab.cnictl(line.split(' ').filter(|word| !word.is_empty())).run()
}

fn a_command_that_did_what_it_was_told_ends_with_0_and_another_with_1_and_the_reason(kind: Kind) {
    let lab = lab(kind);
    for line in [
        "get ippool",
        "get ippool pool -o yaml",
        "get bgppeer",
        "describe ippool pool",
        "label ippool pool a=b",
        "ipam show",
        "ipam check --settle 0",
        "delete ippool nobody --skip-not-exists",
        "node decommission nobody",
        "completion bash",
        "version",
        "get --help",
        "--version",
    ] {
        let answer = said(&lab, line).ok();
        assert!(answer.stderr.is_empty(), "{line}: {}", answer.told());
        assert!(
            !answer.stdout.is_empty() || line.contains("bgppeer"),
            "{line}: {}",
            answer.told()
        );
    }
    for (line, reason) in [
        ("get ippool nobody", "nobody"),
        ("delete ippool nobody", "nobody"),
        ("get nonsense", "nonsense"),
        ("get ippool -o nonsense", "nonsense"),
        ("get ippool --nonsense", "--nonsense"),
        ("", "Usage: cnictl"),
        ("apply -f /nowhere.yaml", "/nowhere.yaml"),
        ("patch ippool pool -p {", "patch"),
        ("ipam release --ip 10.0.0.1", "10.0.0.1"),
    ] {
        let answer = said(&lab, line);
        assert_eq!(answer.status.code(), Some(1), "{line}: {}", answer.told());
        assert!(answer.stderr.contains(reason), "{line}: {}", answer.told());
        assert!(answer.stdout.is_empty(), "{line}: {}", answer.told());
    }
}

fn what_a_refusal_leaves_alone_is_as_it_was(kind: Kind) {
    let lab = lab(kind);
    lab.node.add(&lab.node.conf(), &Pod::new("lives"));
    let before = said(&lab, "get ippool -o yaml").ok().stdout;
    let mut other = integration::lab::pool("other", "10.0.0.128/25", 26);
    other["apiVersion"] = json!("projectcalico.org/v3");
    let overlapping = lab.cnictl(["apply", "-f", "-"]).stdin(other.to_string()).run();
    for answer in [said(&lab, "delete ippool pool"), overlapping] {
        assert_eq!(answer.status.code(), Some(1), "{}", answer.told());
        assert!(answer.stderr.contains("pool"), "{}", answer.told());
    }
    assert_eq!(said(&lab, "get ippool -o yaml").ok().stdout, before);
}
