//! Every way to call a plugin wrongly, and the right ones.

use proptest::prelude::*;

use super::*;

const GOOD: &[(&str, &str)] = &[
    ("CNI_CONTAINERID", "c0ffee"),
    ("CNI_NETNS", "/run/netns/x"),
    ("CNI_IFNAME", "eth0"),
    ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=web"),
    ("CNI_PATH", "/opt/cni/bin::/usr/lib/cni"),
];

fn env(command: &str, changes: &[(&str, &str)]) -> Env {
    let pairs = [("CNI_COMMAND", command)];
    let all = pairs.iter().chain(GOOD).chain(changes);
    Env(all
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect())
}

fn stdin(version: &str) -> Vec<u8> {
    format!(r#"{{"cniVersion":"{version}","name":"net","type":"t"}}"#).into_bytes()
}

fn refused(env: &Env, stdin: &[u8]) -> Refused {
    parse(env, stdin, true).expect_err("the request was taken")
}

#[test]
fn a_good_add_is_read_in_full() {
    let request = parse(&env("ADD", &[]), &stdin("0.3.1"), true);
    let Ok(Request::Add(attachment, conf)) = request else {
        panic!("{request:?}");
    };
    assert_eq!(attachment.container_id, "c0ffee");
    assert_eq!(attachment.netns, Some("/run/netns/x".into()));
    assert_eq!(attachment.ifname, "eth0");
    assert_eq!(attachment.args.get("K8S_POD_NAME"), Some("web"));
    assert_eq!(
        attachment.path,
        [PathBuf::from("/opt/cni/bin"), "/usr/lib/cni".into()]
    );
    assert_eq!(conf.cni_version, SpecVersion::V0_3_1);
}

#[test]
fn every_verb_is_read() {
    let read = |verb| parse(&env(verb, &[]), &stdin("1.1.0"), true);
    assert!(matches!(read("DEL"), Ok(Request::Del(..))));
    assert!(matches!(read("CHECK"), Ok(Request::Check(..))));
    assert!(matches!(read("GC"), Ok(Request::Gc(path, _)) if path.len() == 2));
    assert!(matches!(read("STATUS"), Ok(Request::Status(path, _)) if path.len() == 2));
    assert!(matches!(
        read("VERSION"),
        Ok(Request::Version(SpecVersion::V1_1_0))
    ));
}

#[test]
fn an_unknown_or_missing_command_is_an_invalid_environment() {
    for command in ["", "add", "ADD ", "UPDATE", "\u{fffd}"] {
        let refused = refused(&env(command, &[]), &stdin("0.4.0"));
        assert_eq!(refused.error.code, Code::InvalidEnvironment, "{command:?}");
        assert_eq!(refused.version, SpecVersion::V0_4_0);
    }
    let refused = refused(&Env::default(), b"");
    assert_eq!(refused.error.code, Code::InvalidEnvironment);
    assert_eq!(refused.version, SpecVersion::UNKNOWN);
}

#[test]
fn each_required_variable_is_missed_by_name() {
    for verb in ["ADD", "DEL", "CHECK"] {
        for key in ["CNI_CONTAINERID", "CNI_IFNAME"] {
            let error = refused(&env(verb, &[(key, "")]), &stdin("1.0.0")).error;
            assert_eq!(error.code, Code::InvalidEnvironment);
            assert!(error.msg.contains(key), "{error}");
        }
    }
    let error = refused(
        &Env([("CNI_COMMAND".to_string(), "ADD".to_string())].into()),
        &stdin("1.0.0"),
    );
    for key in ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"] {
        assert!(error.error.msg.contains(key), "{error:?}");
    }
}

#[test]
fn a_namespace_is_needed_only_to_add_and_check_and_only_by_plugins_that_enter_it() {
    let bare = [("CNI_NETNS", "")];
    for (verb, uses_netns, taken) in [
        ("ADD", true, false),
        ("CHECK", true, false),
        ("DEL", true, true),
        ("ADD", false, true),
        ("CHECK", false, true),
        ("DEL", false, true),
    ] {
        let request = parse(&env(verb, &bare), &stdin("1.0.0"), uses_netns);
        assert_eq!(request.is_ok(), taken, "{verb} {uses_netns}");
    }
    let request = parse(
        &env("ADD", &[("CNI_NETNS", "b"), ("CNI_PATH", "d")]),
        &stdin("1.0.0"),
        false,
    );
    assert!(matches!(request, Ok(Request::Add(attachment, _)) if attachment.netns == Some("b".into())));
}

#[test]
fn container_ids_follow_the_specification() {
    for id in ["-a", ".a", "_a", "a/b", "a b", "a:b", "../x", "é", "a\n"] {
        let error = refused(&env("DEL", &[("CNI_CONTAINERID", id)]), &stdin("1.0.0")).error;
        assert_eq!(error.code, Code::InvalidEnvironment, "{id:?}");
        assert!(error.msg.contains("CNI_CONTAINERID"), "{error}");
    }
    for id in ["a", "0", "A.b_c-d", &"f".repeat(64)] {
        assert!(parse(&env("DEL", &[("CNI_CONTAINERID", id)]), &stdin("1.0.0"), true).is_ok());
    }
}

#[test]
fn interface_names_follow_the_kernel() {
    for name in [
        ".",
        "..",
        "a/b",
        "a:b",
        "a b",
        "eth0\t",
        "eth%d",
        "0123456789abcdef",
        "ééééééé0é",
    ] {
        let error = refused(&env("ADD", &[("CNI_IFNAME", name)]), &stdin("1.0.0")).error;
        assert_eq!(error.code, Code::InvalidEnvironment, "{name:?}");
        assert!(error.msg.contains("CNI_IFNAME"), "{error}");
    }
    for name in ["0123456789abcde", "e", "net1.100", "..."] {
        assert!(parse(&env("ADD", &[("CNI_IFNAME", name)]), &stdin("1.0.0"), true).is_ok());
    }
}

#[test]
fn arguments_are_pairs_and_unknown_keys_are_nobodys_problem() {
    for bad in ["x", "=v", "A=1;x", "A=1;;B=2", ";A=1", ";"] {
        let error = refused(&env("ADD", &[("CNI_ARGS", bad)]), &stdin("1.0.0")).error;
        assert_eq!(error.code, Code::InvalidEnvironment, "{bad}");
        assert!(error.msg.contains("CNI_ARGS"), "{error}");
    }
    let args = Args::parse("A=1;EMPTY=;EQ=a=b;A=2;").unwrap();
    assert_eq!(args.get("A"), Some("2"));
    assert_eq!(args.get("EMPTY"), Some(""));
    assert_eq!(args.get("EQ"), Some("a=b"));
    assert_eq!(args.get("NONE"), None);
    assert_eq!(args.with("A=3").raw(), "EMPTY=;EQ=a=b;A=3");
    assert_eq!(Args::default().with("IP=10.0.0.1").raw(), "IP=10.0.0.1");
    assert_eq!(Args::parse("").unwrap().get(""), None);
}

#[test]
fn a_version_has_only_the_verbs_it_had() {
    for (verb, since) in [("CHECK", "0.4.0"), ("GC", "1.1.0"), ("STATUS", "1.1.0")] {
        for version in SpecVersion::ALL {
            let outcome = parse(&env(verb, &[]), &stdin(version.as_str()), true);
            match outcome {
                Ok(_) => assert!(version.as_str() >= since, "{verb} {version}"),
                Err(refused) => {
                    assert!(version.as_str() < since, "{verb} {version}");
                    assert_eq!(refused.error.code, Code::IncompatibleVersion);
                    let said = format!("config version does not allow {verb}");
                    assert!(refused.error.msg.contains(&said), "{}", refused.error);
                    assert_eq!(refused.version, version);
                }
            }
        }
    }
}

#[test]
fn versions_are_told_whatever_version_is_asked_in() {
    let asked = |stdin: &[u8]| match parse(&env("VERSION", &[]), stdin, true) {
        Ok(Request::Version(version)) => version,
        other => panic!("{other:?}"),
    };
    for version in SpecVersion::ALL {
        assert_eq!(
            asked(format!(r#"{{"cniVersion":"{version}"}}"#).as_bytes()),
            version
        );
    }
    for stdin in ["", "{}", r#"{"cniVersion":"9.9.9"}"#, r#"{"cniVersion":null}"#] {
        assert_eq!(asked(stdin.as_bytes()), SpecVersion::CURRENT, "{stdin}");
    }
    for (stdin, code) in [
        ("{", Code::DecodeFailure),
        ("[]", Code::InvalidConfig),
        (r#"{"cniVersion":1}"#, Code::InvalidConfig),
    ] {
        assert_eq!(
            refused(&env("VERSION", &[]), stdin.as_bytes()).error.code,
            code,
            "{stdin}"
        );
    }
}

#[test]
fn configuration_errors_are_answered_in_the_requests_version() {
    let refused = refused(&env("ADD", &[]), br#"{"cniVersion":"0.3.1","name":"n","ipam":1}"#);
    assert_eq!(refused.version, SpecVersion::V0_3_1);
    assert_eq!(refused.error.code, Code::InvalidConfig);
}

fn any_env() -> impl Strategy<Value = Env> {
    let key = prop::sample::select(vec![
        "CNI_COMMAND",
        "CNI_CONTAINERID",
        "CNI_NETNS",
        "CNI_IFNAME",
        "CNI_ARGS",
        "CNI_PATH",
        "HOME",
    ]);
    let value = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "eth0", "c1"
        ])
        .prop_map(String::from),
        "[A-Z=;%é ]{0,20}",
    ];
    prop::collection::btree_map(key.prop_map(String::from), value, 0..7).prop_map(Env)
}

fn any_stdin() -> impl Strategy<Value = Vec<u8>> {
    let field = prop::sample::select(vec![
        "cniVersion",
        "name",
        "type",
        "ipam",
        "runtimeConfig",
        "prevResult",
        "cni.dev/valid-attachments",
        "$serde_json::private::RawValue",
    ]);
    let value = prop::sample::select(vec![
        "null",
        "1",
        "1e999",
        "\"1.1.0\"",
        "[]",
        "{}",
        "{\"ips\":[1]}",
        "[null]",
        "{\"$serde_json::private::RawValue\":5}",
    ]);
    let fields = prop::collection::vec((field, value), 0..8).prop_map(|fields| {
        let fields: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("{key:?}:{value}"))
            .collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), fields]
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(env in any_env(), stdin in any_stdin(), uses_netns: bool) {
        if let Err(refused) = parse(&env, &stdin, uses_netns) {
            prop_assert!(refused.error.code.number() < 100);
            prop_assert!(!refused.error.msg.is_empty());
        }
    }

    #[test]
    fn a_good_environment_with_any_stdin_never_panics(stdin in any_stdin(), verb in "ADD|DEL|CHECK|GC|STATUS") {
        let _ = parse(&env(&verb, &[]), &stdin, true);
    }

    #[test]
    fn an_argument_put_in_is_read_back(raw in "[A-C=;]{0,12}", key in "[A-C]{1,2}", value in "[a-z=]{0,4}") {
        let Ok(args) = Args::parse(&raw) else { return Ok(()) };
        let with = args.with(&format!("{key}={value}"));
        prop_assert_eq!(with.get(&key), Some(value.as_str()));
        prop_assert!(Args::parse(with.raw()).is_ok());
    }
}
