//! Files, environments and flags as data.

use serde_json::json;

use super::*;
use crate::wire::Family;

mod node;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(pair).collect()
}

fn good(file: Value, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Settings {
    let (settings, warnings) = load(&file, &map(environment), &map(flags)).unwrap();
    assert_eq!(warnings, [""; 0]);
    settings
}

fn bad(file: Value, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
    let errors = load(&file, &map(environment), &map(flags)).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_at_all_is_the_defaults_of_the_table() {
    let settings = good(Value::Null, &[], &[]);
    assert_eq!(settings.sessions, Defaults::default());
    assert_eq!(settings.state_dir, PathBuf::from("/var/lib/cni/manx"));
    assert_eq!(settings.run_dir, PathBuf::from("/run/manx"));
    assert_eq!(settings.metrics_address, Some("127.0.0.1:9179".parse().unwrap()));
    assert!(settings.exception_routes && !settings.log_json);
    assert_eq!(settings.audit.as_secs(), 300);
    assert_eq!(settings.import_policy, ImportPolicy::Pools);
    assert_eq!((settings.listen_port, settings.log_level), (None, None));
    assert_eq!(settings.router_id, RouterId::Node);
    assert_eq!(settings.identity, Identity::default());
    assert_eq!((settings.ipv4_pool, settings.ipv6_pool), Default::default());
    assert_eq!(settings.netconf, Map::new());
    assert_eq!(
        settings.boot_id_file,
        PathBuf::from("/proc/sys/kernel/random/boot_id")
    );
}

#[test]
fn the_flag_comes_before_manx_before_calico_before_the_file() {
    let file = json!({"router_id": "1.1.1.1"});
    let literal = |text: &str| RouterId::Literal(text.parse().unwrap());
    let (calico, manx) = (("CALICO_ROUTER_ID", "2.2.2.2"), ("MANX_ROUTER_ID", "3.3.3.3"));
    assert_eq!(good(file.clone(), &[], &[]).router_id, literal("1.1.1.1"));
    assert_eq!(good(file.clone(), &[calico], &[]).router_id, literal("2.2.2.2"));
    assert_eq!(
        good(file.clone(), &[calico, manx], &[]).router_id,
        literal("3.3.3.3")
    );
    assert_eq!(
        good(file.clone(), &[manx], &[("router-id", "hash")]).router_id,
        RouterId::Hash
    );
    assert_eq!(
        good(file, &[("MANX_ROUTER_ID", " "), calico], &[("--router-id", "")]).router_id,
        literal("2.2.2.2")
    );
}

#[test]
fn datastore_fields_are_handed_on_as_in_a_netconf() {
    let file = json!({"etcd_endpoints": "https://a:2379", "etcd_key_file": "/k", "run_dir": "/tmp/r"});
    let settings = good(
        file,
        &[
            ("ETCD_ENDPOINTS", "https://b:2379"),
            ("CALICO_ETCD_CERT_FILE", "/c"),
        ],
        &[],
    );
    let wanted = json!({"etcd_endpoints": "https://b:2379", "etcd_key_file": "/k", "etcd_cert_file": "/c", "run_dir": "/tmp/r"});
    assert_eq!(Value::Object(settings.netconf.clone()), wanted);
    let chosen = shared::store::config::choose(&settings.netconf, &BTreeMap::new(), false).unwrap();
    assert!(matches!(chosen.0, shared::store::config::Choice::Etcd(_)));
}

#[test]
fn sessions_are_told_times_limits_and_peers() {
    let file = json!({
        "hold_time": "1m30s", "keepalive_time": 10, "connect_retry_time": "2s", "restart_time": 60,
        "max_prefixes": 1000, "passive_peers": ["10.0.0.1", "fd00::1"],
        "extra_families": {"10.0.0.1": ["ipv4", "ipv6"], "fd00::1": "IPv4"}
    });
    let sessions = good(file, &[], &[]).sessions;
    assert_eq!(
        (sessions.hold, sessions.keepalive, sessions.restart_time),
        (90, Some(10), 60)
    );
    assert_eq!(
        (sessions.connect_retry.as_secs(), sessions.max_prefixes),
        (2, Some(1000))
    );
    assert_eq!(sessions.passive.len(), 2);
    let of = |text: &str| {
        sessions.extra_families[&text.parse().unwrap()]
            .iter()
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(of("10.0.0.1"), Family::ALL);
    assert_eq!(of("fd00::1"), [Family::Ipv4]);
    assert_eq!(good(json!({"hold_time": 0}), &[], &[]).sessions.hold, 0);
}

#[test]
fn the_nodes_identity_is_calicos() {
    let environment = [
        ("IP", "autodetect"),
        ("IP6", "fd00::4/64"),
        ("IP_AUTODETECTION_METHOD", "interface=ens.*"),
        ("AS", "64086.61928"),
        ("NODENAME", "worker-1"),
        ("KUBECONFIG", "/k"),
    ];
    let settings = good(Value::Null, &environment, &[]);
    let identity = settings.identity;
    assert_eq!(
        (identity.ipv4, identity.number),
        (Choice::Autodetect, Some(4_200_002_024))
    );
    assert_eq!(identity.ipv6, Choice::Address("fd00::4/64".parse().unwrap()));
    assert_eq!(identity.ipv4_method.to_string(), "interface=ens.*");
    assert_eq!(settings.nodename.as_deref(), Some("worker-1"));
    let none = good(json!({"ip": "none", "ip6": null, "as": 7}), &[], &[]).identity;
    assert_eq!(
        (none.ipv4, none.ipv6, none.number),
        (Choice::None, Choice::Unset, Some(7))
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let texts = bad(
        json!({"holdtime_": 3, "hold_tim": 3, "peers": []}),
        &[],
        &[("listen-prt", "1")],
    );
    assert_eq!(
        texts[0],
        "hold_tim: no such key: did you mean hold_time? (from the file)"
    );
    assert!(
        texts[1].starts_with("peers: no such key: there are datastore_type, "),
        "{}",
        texts[1]
    );
    assert!(
        texts[2].contains("--listen-prt: no such key: did you mean --listen-port?"),
        "{}",
        texts[2]
    );
    let (_, warnings) = load(&Value::Null, &map(&[("MANX_HOLDTIME", "3")]), &map(&[])).unwrap();
    assert_eq!(
        warnings,
        ["the variable MANX_HOLDTIME means nothing: did you mean MANX_HOLD_TIME?"]
    );
    assert!(
        bad(json!({"importPolicy": "all", "import_policy": "all"}), &[], &[])[0].contains("two spellings")
    );
}

/// Key and value, and the way out that is named.
const WRONG: [(&str, &str, &str); 24] = [
    ("listen_port", "0", "1 to 65535"),
    ("listen_address", "here", "10.0.0.1"),
    ("hold_time", "2", "3 s and more"),
    ("keepalive_time", "90s", "30 s"),
    ("restart_time", "5000", "4095s"),
    ("connect_retry_time", "0", "1s or more"),
    ("max_prefixes", "-1", "1 or more"),
    ("extra_families", "10.0.0.1", "10.0.0.1=ipv6"),
    ("extra_families", "10.0.0.1=ipx", "ipv4, ipv6"),
    ("importPolicy", "some", "pools, all"),
    ("exception_routes", "maybe", "true nor false"),
    ("audit_interval", "0", "1s or more"),
    ("router_id", "0.0.0.0", "hash"),
    ("metrics_address", "9179", "127.0.0.1:9179"),
    ("log_level", "loud", "trace"),
    ("log_format", "xml", "json"),
    ("secrets_dir", "secrets", "absolute"),
    ("ip", "fd00::1", "192.168.1.4/24"),
    ("ip_autodetection_method", "guess", "first-found"),
    ("as", "a", "64086.61928"),
    ("ipv4pool_cidr", "fd00::/64", "other family"),
    ("ipv4pool_block_size", "200", "prefix length"),
    ("ipv4pool_node_selector", "a =", "selector"),
    ("ipv4pool_ipip", "sometimes", "CrossSubnet"),
];

#[test]
fn a_wrong_value_names_key_value_source_and_way_out() {
    for (key, value, way_out) in WRONG {
        let flag = KEYS.iter().find(|one| one.name == key).unwrap().flag();
        for (texts, origin) in [
            (bad(json!({ key: value }), &[], &[]), "from the file"),
            (bad(json!({}), &[], &[(flag.as_str(), value)]), "from the flag --"),
        ] {
            let [text] = texts.as_slice() else {
                panic!("{key}: {texts:?}")
            };
            let shown = value.rsplit('=').next().unwrap().trim_end_matches('s');
            assert!(
                text.starts_with(&format!("{key}: ")) && text.contains(shown),
                "{text}"
            );
            assert!(text.contains(way_out) && text.contains(origin), "{text}");
        }
    }
    assert!(bad(json!({"as": 1.10}), &[], &[])[0].contains("in quotes"));
    assert!(bad(json!([]), &[], &[])[0].contains("key: value"));
}

#[test]
fn every_key_has_its_own_flag_and_variable_and_a_default_that_can_be_read() {
    let mut flags: Vec<String> = KEYS.iter().map(Key::flag).collect();
    flags.sort();
    flags.dedup();
    assert_eq!(flags.len(), KEYS.len());
    let import = KEYS.iter().find(|key| key.name == "importPolicy").unwrap();
    assert_eq!(
        (import.flag().as_str(), import.variable().as_str()),
        ("--import-policy", "MANX_IMPORT_POLICY")
    );
    let file: Map<String, Value> = KEYS
        .iter()
        .map(|key| (key.name.to_owned(), key.default.into()))
        .collect();
    assert_eq!(good(Value::Object(file), &[], &[]).sessions, Defaults::default());
    for key in KEYS {
        assert!(
            help().contains(&format!("{}; {}", key.flag(), key.variable())),
            "{}",
            key.name
        );
        assert!(
            !key.meaning.is_empty() && !key.meaning.ends_with('.'),
            "{}",
            key.name
        );
    }
}

#[test]
fn the_level_of_the_log_follows_the_resources_unless_told() {
    let configuration = |level: &str| {
        let mut one = BGPConfiguration::default();
        one.spec.log_severity_screen = Some(level.to_owned());
        one
    };
    let mut all = BTreeMap::new();
    assert_eq!(log_level(None, &all, "n1"), LogLevel::Info);
    all.insert("default".to_owned(), configuration("Fatal"));
    all.insert("node.n1".to_owned(), configuration("debug"));
    assert_eq!(log_level(None, &all, "n2"), LogLevel::Error);
    assert_eq!(log_level(None, &all, "n1"), LogLevel::Debug);
    assert_eq!(log_level(Some(LogLevel::Trace), &all, "n1"), LogLevel::Trace);
    all.insert("node.n1".to_owned(), configuration("loud"));
    assert_eq!(log_level(None, &all, "n1"), LogLevel::Error);
}

proptest::proptest! {
    #[test]
    fn no_text_of_any_key_is_more_than_an_error(key in 0..KEYS.len(), text in "[ -~]{0,12}|[0-9.=:,+/smh-]{0,24}") {
        let _ = load(&json!({ KEYS[key].name: text }), &BTreeMap::new(), &BTreeMap::new());
    }
}
