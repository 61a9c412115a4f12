//! Every verb on every kind, in every form of the output and by every word that calicoctl has for the kind.

use crate::common::{cnictl, recorded, words_of};
use cnictl::commands::Outcome;
use cnictl::resource::Kind;
use shared::store::memory::Memory;

const FORMS: [&str; 7] = [
    "table",
    "ps",
    "wide",
    "yaml",
    "json",
    "name",
    "custom-columns=NAME,KIND:.kind",
];

/// A kind that is written here, an object of it (its name, and the namespace it is in), and a change to it.
struct Case {
    kind: Kind,
    name: &'static str,
    namespace: Option<&'static str>,
    spec: &'static str,
    patch: &'static str,
}

const CASES: [Case; 8] = [
    case(
        Kind::IpPool,
        "m",
        "{cidr: 172.20.0.0/16}",
        r#"{"spec":{"disabled":true}}"#,
    ),
    case(
        Kind::IpReservation,
        "m",
        "{reservedCIDRs: [10.88.0.77]}",
        r#"{"spec":{"reservedCIDRs":["10.88.0.78"]}}"#,
    ),
    case(
        Kind::IpamConfiguration,
        "default",
        "{strictAffinity: true, maxBlocksPerHost: 9}",
        r#"{"spec":{"maxBlocksPerHost":8}}"#,
    ),
    case(
        Kind::Node,
        "m",
        "{bgp: {ipv4Address: 10.55.0.77/24}}",
        r#"{"spec":{"bgp":{"asNumber":"64086.60008"}}}"#,
    ),
    Case {
        namespace: Some("web"),
        ..case(
            Kind::WorkloadEndpoint,
            "m-k8s-nginx-eth0",
            "{orchestrator: k8s, node: m, pod: nginx, endpoint: eth0, containerID: abc, ipNetworks: [10.88.0.99/32], \
             interfaceName: cali1}",
            r#"{"spec":{"mac":"ee:ee:ee:ee:ee:ee"}}"#,
        )
    },
    case(
        Kind::BgpConfiguration,
        "node.m",
        "{logSeverityScreen: Info}",
        r#"{"spec":{"logSeverityScreen":"Debug"}}"#,
    ),
    case(
        Kind::BgpFilter,
        "m",
        "{exportV4: [{action: Reject, matchOperator: In, cidr: 10.0.0.0/8}]}",
        r#"{"spec":{"exportV4":[]}}"#,
    ),
    case(
        Kind::BgpPeer,
        "m",
        "{peerIP: 10.55.0.9, asNumber: 4200002024}",
        r#"{"spec":{"asNumber":"64086.60008"}}"#,
    ),
];

const fn case(kind: Kind, name: &'static str, spec: &'static str, patch: &'static str) -> Case {
    Case {
        kind,
        name,
        namespace: None,
        spec,
        patch,
    }
}

/// It succeeds.
fn done(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.error, None, "cnictl {}", words.join(" "));
}

impl Case {
    fn document(&self) -> String {
        let namespace = self
            .namespace
            .map(|name| format!(", namespace: {name}"))
            .unwrap_or_default();
        format!(
            "{{apiVersion: projectcalico.org/v3, kind: {}, metadata: {{name: {}{namespace}}}, spec: {}}}",
            self.kind.name(),
            self.name,
            self.spec
        )
    }

    /// `VERB WORD NAME`, in its namespace.
    fn words<'a>(&self, verb: &'a str, word: &'a str) -> Vec<&'a str> {
        let namespace = self.namespace.map(|name| ["-n", name]);
        [verb, word, self.name]
            .into_iter()
            .chain(namespace.into_iter().flatten())
            .collect()
    }

    /// Every form, and the watch of each but `ps`, has the object in it.
    fn is_shown(&self, store: &Memory, word: &str) {
        for form in FORMS {
            let words = [&self.words("get", word)[..], &["-o", form]].concat();
            let outcome = words_of(store, &words);
            done(&outcome, &words);
            let shown = match (form, self.kind) {
                ("table" | "ps" | "wide", Kind::WorkloadEndpoint) => "nginx",
                (_, _) => self.name,
            };
            assert!(outcome.out.contains(shown), "{words:?}: {}", outcome.out);
        }
        let words = self.words("describe", word);
        let told = words_of(store, &words);
        done(&told, &words);
        assert!(
            told.out.contains(self.kind.name()) && told.out.contains(self.name),
            "{}",
            told.out
        );
    }
}

#[test]
fn every_verb_works_on_every_kind_that_is_written() {
    for case in CASES {
        let store = recorded();
        let word = case.kind.words()[0];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), case.document()).unwrap();
        let path = file.path().display().to_string();
        let by_file = |verb: &str| {
            let words = [verb, "-f", &path];
            let outcome = words_of(&store, &words);
            done(&outcome, &words);
            outcome.out
        };
        assert!(
            by_file("validate").starts_with("Successfully validated 1 "),
            "{word}"
        );
        if case.name == "default" {
            by_file("delete");
        }
        for verb in ["create", "apply", "replace"] {
            let dry = words_of(&store, &[verb, "-f", &path, "--dry-run"]);
            assert!(
                dry.error.is_none() && dry.out.contains("(dry run)"),
                "{verb} {word}: {dry:?}"
            );
            assert!(by_file(verb).starts_with("Successfully "), "{verb} {word}");
        }
        case.is_shown(&store, word);
        for words in [
            [&case.words("patch", word)[..], &["-p", case.patch]].concat(),
            [&case.words("label", word)[..], &["matrix=yes"]].concat(),
        ] {
            done(&words_of(&store, &words), &words);
        }
        let now = words_of(&store, &[&case.words("get", word)[..], &["-o", "yaml"]].concat()).out;
        assert!(now.contains("matrix: \"yes\""), "{now}");
        done(&words_of(&store, &case.words("delete", word)), &["delete", word]);
        assert!(
            words_of(&store, &case.words("get", word)).error.is_some(),
            "{word} is gone"
        );
    }
}

#[test]
fn every_kind_is_shown_and_followed_in_every_form_by_every_word() {
    let store = recorded();
    for case in CASES.iter().filter(|case| case.name != "default") {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), case.document()).unwrap();
        let words = ["apply", "-f", &file.path().display().to_string()];
        done(&words_of(&store, &words), &words);
    }
    for kind in Kind::ALL {
        let (first, others) = kind.words().split_first().unwrap();
        let names = cnictl(&store, &format!("get {first} -A -o name"));
        done(&names, &[first]);
        assert!(names.out.starts_with(first), "{first}: {}", names.out);
        for word in others {
            let again = cnictl(&store, &format!("get {word} -A -o name"));
            assert_eq!(again, names, "{word}");
        }
        for form in FORMS.map(|form| format!("get {first} -A -o {form}")) {
            let outcome = cnictl(&store, &form);
            done(&outcome, &[&form]);
            assert!(!outcome.out.trim().is_empty(), "{form}");
        }
        for form in ["table", "yaml"].map(|form| format!("get {first} -A -w -o {form}")) {
            done(&cnictl(&store, &form), &[&form]);
        }
        let missing = format!("get {} nobody -n nowhere", kind.words()[0]);
        let error = cnictl(&store, &missing).error.unwrap();
        assert!(error.contains("does not exist"), "{missing}: {error}");
    }
}

#[test]
fn what_others_write_is_refused_by_every_verb_that_writes() {
    let store = recorded();
    let before = store.dump();
    for (kind, name) in [
        (Kind::BlockAffinity, "node0-10-88-0-0-32"),
        (Kind::ClusterInformation, "default"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let document = format!(
            "{{apiVersion: projectcalico.org/v3, kind: {}, metadata: {{name: {name}}}, spec: {{}}}}",
            kind.name()
        );
        std::fs::write(file.path(), document).unwrap();
        let (path, word) = (file.path().display().to_string(), kind.words()[0]);
        for words in [
            vec!["create", "-f", &path],
            vec!["apply", "-f", &path],
            vec!["replace", "-f", &path],
            vec!["delete", word, name],
            vec!["patch", word, name, "-p", "{}"],
            vec!["label", word, name, "a=b"],
        ] {
            let error = words_of(&store, &words).error;
            let error = error.unwrap_or_else(|| panic!("{words:?} was done"));
            assert!(
                error.contains(kind.name()) || error.contains("writes it"),
                "{words:?}: {error}"
            );
        }
    }
    assert_eq!(store.dump(), before);
}
