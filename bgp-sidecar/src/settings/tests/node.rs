//! What this node registers itself as.

use super::*;

#[test]
fn the_first_pools_are_calicos() {
    let environment = [
        ("CALICO_IPV4POOL_CIDR", "10.1.0.0/16"),
        ("CALICO_IPV4POOL_BLOCK_SIZE", "28"),
        ("CALICO_IPV4POOL_IPIP", "cross-subnet"),
        ("CALICO_IPV4POOL_NODE_SELECTOR", "!all()"),
        ("CALICO_IPV4POOL_NAT_OUTGOING", "false"),
        ("CALICO_IPV4POOL_DISABLE_BGP_EXPORT", "true"),
        ("CALICO_IPV6POOL_CIDR", "none"),
    ];
    let settings = good(Value::Null, &environment, &[]);
    let wanted = FirstPool {
        cidr: Some("10.1.0.0/16".parse().unwrap()),
        block_size: Some(28),
        node_selector: Some("!all()".to_owned()),
        ipip: Some("CrossSubnet".to_owned()),
        vxlan: None,
        nat_outgoing: Some(false),
        disable_bgp_export: Some(true),
    };
    assert_eq!((settings.ipv4_pool, settings.ipv6_pool.cidr), (wanted, None));
}

#[test]
fn the_api_servers_answer_needs_a_kubeconfig_where_it_is_asked_for() {
    let given = |pairs: &[(&str, &str)]| load(&Value::Null, &map(pairs), &BTreeMap::new());
    let method = ("IP_AUTODETECTION_METHOD", "kubernetes-internal-ip");
    let errors = given(&[method]).unwrap_err();
    assert_eq!(errors.len(), 1);
    let text = errors[0].to_string();
    assert!(
        text.contains("set kubeconfig") && text.contains("variable IP_AUTODETECTION_METHOD"),
        "{text}"
    );
    assert!(given(&[method, ("IP", "10.0.0.1")]).is_ok());
    assert!(given(&[("IP6_AUTODETECTION_METHOD", "kubernetes-internal-ip")]).is_ok());
    assert!(
        given(&[
            ("IP6_AUTODETECTION_METHOD", "kubernetes-internal-ip"),
            ("IP6", "autodetect")
        ])
        .is_err()
    );
    let (settings, _) = given(&[method, ("KUBECONFIG", "/k"), ("CALICO_K8S_NODE_REF", "k1")]).unwrap();
    assert_eq!(settings.kubernetes_node.as_deref(), Some("k1"));
}

#[test]
fn in_a_pod_its_account_asks_unless_a_kubeconfig_does() {
    let kubernetes = |pairs: &[(&str, &str)]| good(Value::Null, pairs, &[]).kubernetes;
    let host = ("KUBERNETES_SERVICE_HOST", "fd00::1");
    let account = |folder: &str, server: &str| {
        Some(Kubernetes::Account {
            folder: folder.into(),
            server: server.to_owned(),
        })
    };
    let usual = "/var/run/secrets/kubernetes.io/serviceaccount";
    assert_eq!(kubernetes(&[]), None);
    assert_eq!(kubernetes(&[host]), account(usual, "https://[fd00::1]:443"));
    let port = ("KUBERNETES_SERVICE_PORT", "6443");
    let elsewhere = [
        ("KUBERNETES_SERVICE_HOST", "api.example.org"),
        port,
        ("MANX_SERVICE_ACCOUNT_DIR", "/account"),
    ];
    let wanted = account("/account", "https://api.example.org:6443");
    assert_eq!(kubernetes(&elsewhere), wanted);
    assert_eq!(kubernetes(&[host, ("MANX_SERVICE_ACCOUNT_DIR", "none")]), None);
    let kubeconfig = Some(Kubernetes::Kubeconfig("/k".into()));
    assert_eq!(kubernetes(&[host, ("KUBECONFIG", "/k")]), kubeconfig);
    for (wrong, said) in [
        (("KUBERNETES_SERVICE_PORT", "0"), "is no port"),
        (
            ("MANX_SERVICE_ACCOUNT_DIR", "here"),
            "is no absolute path, nor none",
        ),
    ] {
        let errors = load(&Value::Null, &map(&[host, wrong]), &BTreeMap::new()).unwrap_err();
        assert!(errors[0].to_string().contains(said), "{errors:?}");
    }
}

#[test]
fn no_default_pools_and_a_first_pool_exclude_each_other() {
    let none = good(
        Value::Null,
        &[("NO_DEFAULT_POOLS", "true"), ("CALICO_IPV4POOL_CIDR", "none")],
        &[],
    );
    assert_eq!((none.ipv4_pool.cidr, none.ipv6_pool.cidr), (None, None));
    for pool in [
        ("CALICO_IPV4POOL_CIDR", "10.1.0.0/16"),
        ("CALICO_IPV6POOL_CIDR", "fd00::/112"),
    ] {
        let errors = bad(Value::Null, &[("NO_DEFAULT_POOLS", "true"), pool], &[]);
        assert!(
            errors[0].contains("no_default_pools says that no pool is made"),
            "{errors:?}"
        );
        good(Value::Null, &[("NO_DEFAULT_POOLS", "false"), pool], &[]);
    }
}
