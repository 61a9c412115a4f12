use super::super::model::{certified, found, told};
use super::*;

fn conflist(flags: &[(&'static str, &str)], found: &Found) -> Result<serde_json::Value, String> {
    let told = told(flags);
    let wanted = wanted(&told, &Places::of(&told)?, found)?;
    let Target::File {
        bytes, mode: 0o600, ..
    } = wanted.conflist
    else {
        return Err(format!("{:?}", wanted.conflist));
    };
    Ok(serde_json::from_str(bytes.text().unwrap()).unwrap())
}

fn in_a_pod() -> Found {
    Found {
        credentials: Some(Credentials {
            server: "https://10.96.0.1:443".to_owned(),
            authority: Some("ca".into()),
            token: "secret".to_owned(),
        }),
        ..found("1")
    }
}

#[test]
fn the_conflist_fits_what_there_is() {
    let etcd = [("etcd_endpoints", "https://10.0.0.1:2379")];
    let embedded = conflist(&[], &found("1")).unwrap();
    assert!(
        embedded["plugins"][0].get("etcd_endpoints").is_none(),
        "{embedded}"
    );
    let plain = conflist(&etcd, &certified(found("1"), "2026")).unwrap();
    assert_eq!(
        plain["plugins"][0]["etcd_key_file"],
        "/etc/cni/net.d/manx-tls/etcd-key"
    );
    assert!(plain["plugins"][0].get("policy").is_none(), "{plain}");
    let kubernetes = conflist(&etcd, &in_a_pod()).unwrap();
    let first = &kubernetes["plugins"][0];
    assert_eq!(
        first["kubernetes"]["kubeconfig"],
        "/etc/cni/net.d/manx-kubeconfig"
    );
    assert_eq!(first["etcd_key_file"], "", "no certificates are given");
    assert_eq!(first["sidecar_required"], true);
    assert_eq!(kubernetes["plugins"][1]["type"], "portmap");
    let by_hand = [
        etcd[0],
        ("etcd_key_file", "/k"),
        ("etcd_cert_file", "/c"),
        ("no_wait", "true"),
    ];
    let by_hand = conflist(&by_hand, &found("1")).unwrap();
    assert_eq!(by_hand["plugins"][0]["etcd_key_file"], "/k");
    assert_eq!(by_hand["plugins"][0]["sidecar_required"], false);
}

#[test]
fn a_template_of_calicos_is_filled_in_whole() {
    let template = r#"{"name": "k8s-pod-network", "cniVersion": "0.3.1", "plugins": [
        {"type": "calico", "log_level": "__LOG_LEVEL__", "log_file_path": "__LOG_FILE_PATH__",
         "datastore_type": "etcdv3", "nodename": "__KUBERNETES_NODE_NAME__", "mtu": __CNI_MTU__,
         "etcd_endpoints": "__ETCD_ENDPOINTS__", "etcd_key_file": "__ETCD_KEY_FILE__",
         "etcd_cert_file": "__ETCD_CERT_FILE__", "etcd_ca_cert_file": "__ETCD_CA_CERT_FILE__",
         "ipam": {"type": "calico-ipam"},
         "policy": {"type": "k8s", "k8s_api_root": "https://__KUBERNETES_SERVICE_HOST__:__KUBERNETES_SERVICE_PORT__",
                    "k8s_auth_token": "__SERVICEACCOUNT_TOKEN__"},
         "kubernetes": {"kubeconfig": "__KUBECONFIG_FILEPATH__"}}]}"#;
    let found = Found {
        template: Some(Template {
            origin: "calico-config".to_owned(),
            text: template.to_owned(),
        }),
        ..certified(in_a_pod(), "2026")
    };
    let flags = [
        ("etcd_endpoints", "https://10.0.0.1:2379"),
        ("calico_names", "true"),
        ("mtu", "9000"),
        ("kubernetes_service_host", "10.96.0.1"),
        ("kubernetes_service_port", "443"),
    ];
    let first = conflist(&flags, &found).unwrap()["plugins"][0].clone();
    assert_eq!(first["mtu"], 9000);
    assert_eq!(first["nodename"], "n1");
    assert_eq!(first["log_file_path"], "/var/log/calico/cni/cni.log");
    assert_eq!(first["policy"]["k8s_api_root"], "https://10.96.0.1:443");
    assert_eq!(first["policy"]["k8s_auth_token"], "secret");
    let error = conflist(&flags[..1], &found).unwrap_err();
    assert!(
        error.contains("calico, calico-ipam") && error.contains("--plugin-dir"),
        "{error}"
    );
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_written() {
    let mut lone = certified(found("1"), "2026");
    lone.tls.remove("etcd-key");
    let bare = Found {
        plugins: BTreeSet::new(),
        ..in_a_pod()
    };
    let none = Found {
        programs: BTreeMap::new(),
        ..found("1")
    };
    for (flags, found, why) in [
        (&[][..], &lone, "etcd-cert and etcd-key only one"),
        (&[], &bare, "portmap, bandwidth"),
        (&[], &none, "--from"),
        (&[("mtu", "big")], &found("1"), "mtu is \"big\""),
        (&[("bin_dir", "cni")], &found("1"), "bin_dir is \"cni\""),
        (&[("conf_name", "a/b.conflist")], &found("1"), "conf_name"),
        (&[("conf_name", "10-manx.yaml")], &found("1"), "conf_name"),
        (&[("datastore_type", "etcdv3")], &found("1"), "etcd_endpoints"),
    ] {
        let error = conflist(flags, found).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_secret_that_was_emptied_takes_no_certificates_from_a_node() {
    let https = [("etcd_endpoints", "https://10.0.0.1:2379")];
    let mut found = found("1");
    found.installed_tls = TLS.map(str::to_owned).into();
    let error = conflist(&https, &found).unwrap_err();
    for word in [
        "/calico-secrets",
        "etcd-ca, etcd-cert, etcd-key",
        "https://10.0.0.1:2379",
        "/etc/cni/net.d/manx-tls",
    ] {
        assert!(error.contains(word), "{word}: {error}");
    }
    let mut lone = certified(found.clone(), "2026");
    lone.tls.retain(|name, _| name == "etcd-ca");
    let error = conflist(&https, &lone).unwrap_err();
    assert!(error.contains("no etcd-cert, etcd-key,"), "{error}");
    conflist(&[("etcd_discovery_srv", "example.org")], &found).unwrap_err();
    // Without encryption nobody needs them.
    conflist(&[("etcd_endpoints", "http://10.0.0.1:2379")], &found).unwrap();
    conflist(&[], &found).unwrap();
    conflist(&https, &certified(found, "2026")).unwrap();
}
