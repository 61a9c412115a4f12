//! Tables of configurations and what is chosen.

mod elsewhere;

use serde_json::json;

use super::*;
use elsewhere::{in_contradiction, of_etcd, of_kubernetes};

type Env<'a> = &'a [(&'a str, &'a str)];

fn run(netconf: Value, env: Env<'_>, used: bool) -> Result<(Choice, Vec<Warning>), ConfigError> {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    choose(netconf.as_object().unwrap(), &env.collect(), used)
}

fn endpoints(netconf: Value, env: Env<'_>) -> Vec<String> {
    match run(netconf.clone(), env, false).unwrap().0 {
        Choice::Etcd(config) => config.endpoints,
        Choice::Embedded(_) => panic!("{netconf} {env:?} chose the embedded store"),
    }
}

#[test]
fn nothing_at_all_means_the_embedded_store() {
    for netconf in [
        json!({}),
        json!({"etcd_endpoints": "", "etcd_key_file": null, "datastore_type": null, "etcd_x": []}),
        json!({"kubernetes": {"kubeconfig": ""}, "policy": {"type": "k8s", "k8s_api_root": null}}),
        json!({"kubernetes": null, "policy": {}}),
    ] {
        let (choice, warnings) = run(netconf, &[("ETCD_ENDPOINTS", ""), ("PATH", "/bin")], false).unwrap();
        let path = PathBuf::from("/var/lib/cni/manx/data");
        assert_eq!(choice, Choice::Embedded(EmbeddedConfig { path }));
        assert_eq!(warnings, []);
    }
}

#[test]
fn whatever_points_elsewhere_is_named_and_never_ignored() {
    let all = of_etcd()
        .into_iter()
        .chain(of_kubernetes())
        .chain(in_contradiction());
    for (netconf, env, used, named) in all {
        let error = run(netconf, env, used).unwrap_err();
        assert_eq!(error.code(), 101, "{error}");
        for part in [named, "\"etcd_endpoints\"", "\"datastore_type\": \"embedded\""] {
            assert!(error.to_string().contains(part), "{part} is not in: {error}");
        }
    }
}

#[test]
fn an_explicit_embedded_is_always_embedded() {
    for (netconf, env, used) in [
        (
            json!({"datastore_type": "embedded"}),
            &[("ETCD_ENDPOINTS", "http://a:1")][..],
            true,
        ),
        (
            json!({"datastore_type": "embedded", "etcd_discovery_srv": "example.org"}),
            &[][..],
            false,
        ),
        (
            json!({"datastore_type": "embedded"}),
            &[("ETCD_DISCOVERY_SRV", "example.org")][..],
            false,
        ),
    ] {
        let (choice, warnings) = run(netconf, env, used).unwrap();
        assert!(matches!(choice, Choice::Embedded(_)));
        assert!(!warnings.is_empty(), "what is left aside is said");
    }
}

#[test]
fn beside_an_explicit_embedded_store_a_kubeconfig_is_no_second_truth() {
    let both = json!({"datastore_type": "embedded", "kubernetes": {"kubeconfig": "/k"}});
    let by_variable = json!({"kubernetes": {"kubeconfig": "/k"}});
    for (netconf, env) in [
        (both, &[][..]),
        (by_variable, &[("DATASTORE_TYPE", "embedded")][..]),
    ] {
        let (choice, warnings) = run(netconf, env, false).unwrap();
        assert!(matches!(choice, Choice::Embedded(_)));
        assert_eq!(warnings, []);
    }
}

#[test]
fn endpoints_come_from_the_configuration_before_the_environment() {
    let all: Env<'_> = &[
        ("CALICO_ETCD_ENDPOINTS", "http://c:1"),
        ("ETCD_ENDPOINTS", "http://e:1"),
    ];
    assert_eq!(
        endpoints(json!({"etcd_endpoints": "http://n:1"}), all),
        ["http://n:1"]
    );
    assert_eq!(endpoints(json!({"etcd_endpoints": " "}), all), ["http://c:1"]);
    assert_eq!(endpoints(json!({}), &all[1..]), ["http://e:1"]);
    let other = [("DATASTORE_TYPE", "kubernetes")];
    assert_eq!(
        endpoints(json!({"etcd_endpoints": "http://n:1"}), &other),
        ["http://n:1"]
    );
}

#[test]
fn a_list_of_endpoints_is_trimmed_and_each_taken_once() {
    let list = " https://A:2379 ,http://[::1]:2379/,, https://a:2379,10.0.0.1:2379";
    assert_eq!(
        endpoints(json!({"etcd_endpoints": list}), &[]),
        ["https://a:2379", "http://[::1]:2379", "http://10.0.0.1:2379"]
    );
    let tls = json!({"etcd_endpoints": "a:2379", "etcd_ca_cert_file": "/ca"});
    assert_eq!(endpoints(tls, &[]), ["https://a:2379"]);
}

#[test]
fn a_malformed_setting_is_an_error_that_names_it() {
    for (netconf, code, named) in [
        (json!({"etcd_endpoints": "ftp://a:1"}), 123, "ftp://a:1"),
        (json!({"etcd_endpoints": "http://a"}), 123, "http://a"),
        (json!({"etcd_endpoints": "http://::1"}), 123, "brackets"),
        (
            json!({"etcd_endpoints": "http://a:1/v3"}),
            123,
            "more than a host",
        ),
        (json!({"etcd_endpoints": ","}), 123, "names no endpoint"),
        (json!({"etcd_endpoints": "http://u:geheim@a:1"}), 123, "…@a:1"),
        (
            json!({"etcd_endpoints": ["http://a:1"]}),
            7,
            "etcd_endpoints must be a string",
        ),
        (
            json!({"etcd_endpoints": "a:1", "etcd_key_file": 7}),
            7,
            "etcd_key_file must be a string, not 7",
        ),
        (json!({"datastore_type": true}), 7, "datastore_type must be"),
        (json!({"kubernetes": "x"}), 7, "kubernetes must be an object"),
        (
            json!({"kubernetes": {"kubeconfig": 1}}),
            7,
            "kubernetes.kubeconfig must be",
        ),
    ] {
        refused(netconf, code, named);
    }
}

#[test]
fn what_is_asked_for_and_not_there_is_an_error_with_the_way_out() {
    for (netconf, code, named) in [
        (json!({"datastore_type": "kubernetes"}), 102, "\"etcdv3\""),
        (json!({"datastore_type": "consul"}), 102, "consul"),
        (json!({"datastore_type": "etcdv3"}), 123, "etcd_endpoints"),
        (
            json!({"etcd_discovery_srv": "example.org"}),
            102,
            "etcd_endpoints",
        ),
        (
            json!({"datastore_type": "etcdv3", "etcd_discovery_srv": "x"}),
            102,
            "etcd_discovery_srv",
        ),
        (
            json!({"etcd_endpoints": "a:1", "etcd_key_file": "/k"}),
            123,
            "etcd_cert_file",
        ),
        (
            json!({"etcd_endpoints": "a:1", "etcd_username": "u"}),
            123,
            "etcd_password",
        ),
        (
            json!({"etcd_endpoints": "a:1", "etcd_password": 5, "etcd_username": "u"}),
            7,
            "etcd_password",
        ),
        (json!({"state_dir": "here"}), 123, "absolute"),
    ] {
        refused(netconf, code, named);
    }
}

fn refused(netconf: Value, code: u32, named: &str) {
    let error = run(netconf.clone(), &[], false).unwrap_err();
    assert_eq!(error.code(), code, "{netconf}: {error}");
    assert!(error.to_string().contains(named), "{named} is not in: {error}");
    assert!(!error.to_string().contains("geheim"), "{error}");
}

#[test]
fn what_works_but_is_odd_is_warned_about() {
    let netconf = json!({
        "etcd_endpoints": "http://a:1", "etcd_ca_cert_file": "/ca", "etcd_username": "u",
        "etcd_password": "geheim", "etcd_cart_file": "/c", "state_dir": "/s"
    });
    let (choice, warnings) = run(netconf, &[], false).unwrap();
    let text = warnings
        .iter()
        .map(Warning::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for part in ["60 ms", "http://a:1 is plain http", "etcd_cart_file"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let Choice::Etcd(config) = choice else {
        panic!("not etcd")
    };
    assert_eq!(config.marker, Some(PathBuf::from("/s/datastore-etcd")));
    assert!(!format!("{config:?}").contains("geheim"));
}

#[test]
fn directories_come_from_the_configuration_then_the_environment() {
    let netconf = json!({"state_dir": "/n"});
    let env = BTreeMap::from([
        ("MANX_STATE_DIR".to_owned(), "/e".to_owned()),
        ("MANX_RUN_DIR".to_owned(), "/r".to_owned()),
    ]);
    let dirs = Dirs::from(netconf.as_object().unwrap(), &env).unwrap();
    assert_eq!((dirs.state.to_str(), dirs.run.to_str()), (Some("/n"), Some("/r")));
    assert_eq!(dirs.data(), PathBuf::from("/n/data"));
}

#[test]
fn a_field_of_the_wrong_type_is_refused_even_when_it_would_not_be_used() {
    for field in ["etcd_endpoints", "etcd_key_file", "etcd_username"] {
        refused(json!({"datastore_type": "embedded", field: 5}), 7, field);
    }
}

#[test]
fn a_list_or_an_object_of_the_wrong_type_is_not_printed() {
    for (value, said) in [
        (json!(["geheim"]), "not a list"),
        (json!({"token": "geheim"}), "not an object"),
    ] {
        refused(json!({"etcd_endpoints": value}), 7, said);
        refused(json!({"kubernetes": {"kubeconfig": value}}), 7, said);
    }
    refused(json!({"policy": ["geheim"]}), 7, "not a list");
}
