//! VERSION, the flags of a plugin, and what a plugin's own file name may not decide.

use std::os::unix::fs::symlink;

use integration::json::list;
use integration::node::address;
use integration::process::Cmd;
use integration::{Call, Kind, Lab, Pod, require};
use serde_json::json;

#[test]
fn both_plugins_speak_all_versions_from_0_3_0_on() {
    for plugin in ["cni-net", "cni-ipam"] {
        let answer = Call::new(plugin, "VERSION", &json!({"cniVersion": "1.0.0"}))
            .run()
            .result();
        assert_eq!(answer["cniVersion"], "1.0.0", "{answer}");
        let versions = list(&answer, "/supportedVersions");
        assert_eq!(
            versions,
            ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"].map(|text| json!(text)),
            "{answer}"
        );
    }
}

#[test]
fn version_without_a_netconf_answers_all_the_same() {
    for plugin in ["cni-net", "cni-ipam"] {
        let answer = Call::new(plugin, "VERSION", &json!({})).stdin("").run().result();
        assert!(!list(&answer, "/supportedVersions").is_empty(), "{answer}");
    }
}

#[test]
fn the_version_flag_names_version_and_commit_and_wins_over_the_verb() {
    for (program, flag) in [
        ("cni-net", "-v"),
        ("cni-net", "--version"),
        ("cni-ipam", "-v"),
        ("cnictl", "--version"),
    ] {
        let text = Cmd::new(require::dist(program))
            .args([flag])
            .env("CNI_COMMAND", "ADD")
            .ok();
        let words: Vec<_> = text.split_whitespace().collect();
        assert!(
            words
                .iter()
                .any(|word| word.trim_start_matches('v').starts_with("0.1.0")),
            "{program}: {text}"
        );
        let commit = |word: &&str| {
            let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
            word == "unknown" || word.len() >= 7 && word.chars().all(|letter| letter.is_ascii_hexdigit())
        };
        assert!(words.iter().any(commit), "{program}: {text}");
    }
}

#[test]
fn the_plugins_work_under_calicos_names() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let (calico, ipam) = (lab.path("calico"), lab.path("calico-ipam"));
    for (program, link) in [("cni-net", &calico), ("cni-ipam", &ipam)] {
        symlink(require::dist(program), link).unwrap_or_else(|error| panic!("{}: {error}", link.display()));
    }
    let mut conf = lab.node.conf();
    conf["type"] = json!("calico");
    conf["ipam"]["type"] = json!("calico-ipam");
    let pod = Pod::new("renamed");
    let folder = lab.path("").display().to_string();
    let call = |verb: &str| {
        Cmd::new(&calico)
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", &pod.container)
            .env("CNI_NETNS", pod.netns.path())
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", &folder)
            .stdin(conf.to_string())
            .within(lab.node.netns())
            .run()
    };
    assert!(address(&call("ADD").result()).starts_with("10.0.0."));
    pod.must_reach("192.168.1.4");
    call("DEL").silent();
}
