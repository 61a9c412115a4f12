//! What the documentation names is there: files, headings, metrics, each make's side of a topology.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use integration::fences::documents;
use integration::require;

/// Folders of the repository; a word that begins with one names a file.
const FOLDERS: [&str; 6] = ["conf", "docs", "fuzz", "integration", "packaging", "shared"];
const TOPOLOGIES: &str = "docs/topologies.md";
/// Whoever a node may have for a switch.
const MAKES: [&str; 6] = [
    "FRR",
    "BIRD 2",
    "Huawei VRP",
    "H3C Comware 7",
    "Cisco NX-OS",
    "Arista EOS",
];

fn text(file: &str) -> String {
    fs::read_to_string(require::file(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What stands between `open` and `close`, everywhere.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    let parts = text.split(open).skip(1);
    parts.filter_map(|part| part.split(close).next()).collect()
}

/// A heading's name in a link, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().replace(' ', "-")
}

fn anchors(file: &Path) -> BTreeSet<String> {
    let whole = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let headings = whole.lines().filter_map(|line| line.strip_prefix('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut seen = 0;
    for file in documents() {
        let (whole, path) = (text(&file), require::file(&file));
        for link in between(&whole, "](", ')')
            .into_iter()
            .filter(|link| !link.contains("://"))
        {
            let (to, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = match to {
                "" => path.clone(),
                to => path.parent().unwrap_or(&path).join(to),
            };
            assert!(to.exists(), "{file}: {link}");
            assert!(
                heading.is_empty() || anchors(&to).contains(heading),
                "{file}: no heading for {link}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 40, "only {seen} links were found");
}

#[test]
fn every_file_of_the_repository_that_is_named_exists() {
    let mut seen = 0;
    for file in documents() {
        let whole = text(&file);
        let ends = |letter: char| letter.is_whitespace() || "`'\"(),;:<>|".contains(letter);
        for word in whole.split(ends) {
            let word = word.trim_end_matches(['.', '/']);
            let folder = word.split_once('/').map(|(folder, _)| folder);
            if folder.is_none_or(|folder| !FOLDERS.contains(&folder)) || word.contains(['*', '{', '…']) {
                continue;
            }
            let word = word.split('#').next().unwrap_or_default();
            let top = require::file("Cargo.toml");
            assert!(
                top.with_file_name("").join(word).exists(),
                "{file}: {word} does not exist"
            );
            seen += 1;
        }
    }
    assert!(seen >= 40, "only {seen} files were named");
}

/// A line that begins with the make, and then its configuration: a fenced block, or a file of `conf/peers`.
fn has_side(section: &str, make: &str) -> bool {
    let lines: Vec<_> = section.lines().collect();
    let block = |at: usize| {
        lines[at + 1..]
            .iter()
            .find(|line| !line.is_empty())
            .is_some_and(|line| line.starts_with("```"))
    };
    let own = lines
        .iter()
        .enumerate()
        .any(|(at, line)| line.starts_with(make) && block(at));
    let folder = make.split(' ').next().unwrap_or_default().to_lowercase();
    own || section.contains(&format!("](../conf/peers/{folder}/"))
}

#[test]
fn every_topology_with_a_switch_has_the_switchs_side_of_each_make() {
    let whole = text(TOPOLOGIES);
    let sections: Vec<_> = whole.split("\n## ").collect();
    for letter in ["C. ", "D. ", "E. "] {
        let section = sections.iter().find(|section| section.starts_with(letter));
        let section = section.unwrap_or_else(|| panic!("no section {letter}"));
        for make in MAKES {
            assert!(
                has_side(section, make),
                "{TOPOLOGIES}, {letter}: nothing for {make}"
            );
        }
    }
}

#[test]
fn there_is_a_runbook_for_each_of_the_usual_days() {
    let headings = anchors(&require::file("docs/runbooks.md"));
    for day in [
        "a-node-is-lost",
        "etcd-is-away",
        "a-pool-is-full",
        "a-peer-is-down",
        "upgrade",
        "move-from-calico",
    ] {
        assert!(headings.contains(day), "{day}: {headings:?}");
    }
}

#[test]
fn every_metric_of_alerts_and_dashboard_is_explained_and_every_alert_says_what_to_do() {
    let explained = text("docs/status.md");
    let mut seen = 0;
    for file in ["conf/prometheus/alerts.yaml", "conf/grafana/sidecar.json"] {
        let whole = text(file);
        let ends = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
        for name in whole.split(ends).filter(|word| word.starts_with("manx_")) {
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            assert!(
                explained.contains(name),
                "{file}: {name} is not in docs/status.md"
            );
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} metrics were found");
    for alert in text("conf/prometheus/alerts.yaml").split("- alert: ").skip(1) {
        assert!(
            alert.contains("summary:") && alert.contains("description:"),
            "{alert}"
        );
    }
}

/// What the issue of the alerts is, and from where on: an alert that asks something else is none.
#[test]
fn alerts_ask_for_what_they_are_named_after() {
    let whole = text("conf/prometheus/alerts.yaml");
    let alerts: Vec<String> = whole
        .split("- alert: ")
        .skip(1)
        .map(|alert| alert.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for (name, asks) in [
        ("BGPPeerDown", "expr: manx_bgp_peer_up == 0 for:"),
        ("BGPPeerDown", "manx_bgp_peer_last_error{instance='%s',peer='%s'}"),
        ("BGPNoPeerUp", "manx_bgp_peers{state=\"Established\"}) == 0 for:"),
        ("BGPAnnouncedIsNotOwned", "manx_bgp_prefixes_withheld{"),
        ("ManxDatastoreAway", "expr: manx_datastore_up == 0 for:"),
        (
            "ManxSpoolNotDraining",
            "manx_release_spool_depth - manx_release_spool_foreign > 0 for:",
        ),
        (
            "ManxPoolNearlyFull",
            "(manx_ippool_addresses_used / manx_ippool_addresses) > 0.85 for:",
        ),
        (
            "ManxNodeAtBlockLimit",
            "manx_ipam_blocks >= manx_ipam_blocks_limit",
        ),
    ] {
        let alert = alerts.iter().find(|alert| alert.starts_with(&format!("{name} ")));
        let alert = alert.unwrap_or_else(|| panic!("no alert {name}"));
        assert!(alert.contains(asks), "{name} does not ask {asks:?}: {alert}");
    }
    let bracket = |alert: &str, one: char| alert.matches(one).count();
    for alert in &alerts {
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            assert_eq!(bracket(alert, open), bracket(alert, close), "{alert}");
        }
    }
}
