//! Machines as data.

use super::*;

fn interface(index: u32, name: &str, addresses: &[&str]) -> Interface {
    let address = |text: &&str| {
        let (text, secondary) = match text.strip_suffix(" secondary") {
            Some(text) => (text, true),
            None => (*text, false),
        };
        Address {
            net: text.parse().unwrap(),
            secondary,
            usable: true,
        }
    };
    Interface {
        index,
        name: name.to_owned(),
        up: true,
        addresses: addresses.iter().map(address).collect(),
    }
}

fn machine() -> Facts {
    Facts {
        interfaces: vec![
            interface(3, "ens34", &["10.9.0.3/24", "fd00:9::3/64"]),
            interface(1, "lo", &["127.0.0.1/8", "10.255.0.1/32", "::1/128"]),
            interface(2, "docker0", &["172.17.0.1/16"]),
            interface(7, "veth1", &["10.8.0.1/24"]),
            interface(
                4,
                "ens33",
                &[
                    "192.168.18.3/24",
                    "192.168.18.9/24 secondary",
                    "192.168.18.10/32",
                    "fe80::1/64",
                    "fd00:18::3/64",
                ],
            ),
            interface(8, "podman0", &["10.88.0.1/16"]),
            interface(5, "cali123", &["10.7.0.1/24"]),
        ],
        ..Facts::default()
    }
}

fn v4(method: &str, facts: &Facts) -> String {
    match choose(&Method::parse(method).unwrap(), facts, Family::Ipv4) {
        Ok(found) => format!("{} {}", found.interface, found.net),
        Err(why) => why,
    }
}

#[test]
fn the_first_interface_that_is_no_containers_is_found() {
    assert_eq!(v4("", &machine()), "ens33 192.168.18.3/24");
    assert_eq!(v4("first-found", &machine()), "ens33 192.168.18.3/24");
    // Of two the one that was made later, as Calico does.
    let mut facts = machine();
    facts.interfaces.push(interface(9, "ens35", &["10.6.0.1/24"]));
    assert_eq!(v4("first-found", &facts), "ens35 10.6.0.1/24");
    assert_eq!(v4("interface=ens.*", &facts), "ens35 10.6.0.1/24");
    let six = choose(&Method::FirstFound, &machine(), Family::Ipv6).unwrap();
    assert_eq!(six.net.to_string(), "fd00:18::3/64");
}

#[test]
fn a_service_address_is_never_the_nodes() {
    let vips = &[
        "192.168.0.100/32",
        "192.168.0.99/24 secondary",
        "192.168.0.3/24",
        "192.168.100.3/24",
    ];
    let facts = Facts {
        interfaces: vec![interface(2, "eth0", vips)],
        ..Facts::default()
    };
    assert_eq!(v4("first-found", &facts), "eth0 192.168.0.3/24");
    // A machine whose one address has no network, as in some clouds.
    let cloud = Facts {
        interfaces: vec![interface(2, "eth0", &["10.0.0.4/32"])],
        ..Facts::default()
    };
    assert_eq!(v4("first-found", &cloud), "eth0 10.0.0.4/32");
    for address in ["192.168.0.100", "192.168.0.99"] {
        let asked = Facts {
            source: Some(address.parse().unwrap()),
            internal: vec![address.parse().unwrap()],
            ..facts.clone()
        };
        assert_eq!(v4("can-reach=8.8.8.8", &asked), "eth0 192.168.0.3/24");
        assert_eq!(v4("kubernetes-internal-ip", &asked), "eth0 192.168.0.3/24");
    }
}

#[test]
fn an_interface_is_chosen_by_its_name() {
    assert_eq!(v4("interface=ens.*", &machine()), "ens33 192.168.18.3/24");
    assert_eq!(v4("interface=ens34", &machine()), "ens34 10.9.0.3/24");
    assert_eq!(
        v4("interface=bond.*, docker0", &machine()),
        "docker0 172.17.0.1/16"
    );
    // A name matched as a whole comes before one that only holds it.
    let facts = Facts {
        interfaces: vec![
            interface(3, "xeth0", &["10.0.0.1/24"]),
            interface(2, "eth0", &["10.0.1.1/24"]),
        ],
        ..Facts::default()
    };
    assert_eq!(v4("interface=eth0", &facts), "eth0 10.0.1.1/24");
    assert_eq!(v4("interface=^xeth", &facts), "xeth0 10.0.0.1/24");
}

#[test]
fn interfaces_are_skipped_beside_the_usual_ones() {
    assert_eq!(v4("skip-interface=ens33", &machine()), "ens34 10.9.0.3/24");
    let none = v4("skip-interface=ens.*", &machine());
    assert!(
        none.contains("no IPv4 address found by skip-interface=ens.*"),
        "{none}"
    );
    assert!(none.contains("docker0") && none.contains("set IP"), "{none}");
}

#[test]
fn a_range_chooses_among_the_addresses() {
    assert_eq!(v4("cidr=10.9.0.0/16,11.0.0.0/8", &machine()), "ens34 10.9.0.3/24");
    assert!(v4("cidr=192.168.18.10/32", &machine()).contains("no IPv4"));
}

#[test]
fn the_kernel_and_kubernetes_are_asked() {
    assert_eq!(Method::parse("first-found").unwrap().question(), None);
    let reach = Method::parse("can-reach=www.example.org").unwrap();
    assert_eq!(
        reach.question(),
        Some(Question::Towards("www.example.org".to_owned()))
    );
    assert_eq!(
        Method::parse("kubernetes-internal-ip").unwrap().question(),
        Some(Question::Kubernetes)
    );
    let answered = Facts {
        source: Some("10.9.0.3".parse().unwrap()),
        internal: vec!["fd00:18::3".parse().unwrap(), "192.168.18.3".parse().unwrap()],
        ..machine()
    };
    assert_eq!(v4("can-reach=10.9.0.1", &answered), "ens34 10.9.0.3/24");
    assert_eq!(v4("kubernetes-internal-ip", &answered), "ens33 192.168.18.3/24");
    assert!(v4("can-reach=10.9.0.1", &machine()).contains("can-reach=10.9.0.1"));
}

#[test]
fn an_answer_of_the_other_family_is_none() {
    let six = |method: &str, facts: &Facts| {
        let found = choose(&Method::parse(method).unwrap(), facts, Family::Ipv6);
        found.map(|found| found.net.to_string())
    };
    let answered = Facts {
        source: Some("10.9.0.3".parse().unwrap()),
        internal: vec!["10.9.0.3".parse().unwrap()],
        ..machine()
    };
    assert!(six("can-reach=10.9.0.1", &answered).is_err());
    let error = six("kubernetes-internal-ip", &answered).unwrap_err();
    assert!(
        error.contains("of the InternalIPs 10.9.0.3 none is one of this machine's")
            && error.contains("set IP6,"),
        "{error}"
    );
    let both = Facts {
        internal: vec!["10.9.0.3".parse().unwrap(), "fd00:18::3".parse().unwrap()],
        ..machine()
    };
    assert_eq!(
        six("kubernetes-internal-ip", &both),
        Ok("fd00:18::3/64".to_owned())
    );
    assert_eq!(v4("kubernetes-internal-ip", &both), "ens34 10.9.0.3/24");
    let troubled = Facts {
        trouble: Some("nobody answers".to_owned()),
        ..machine()
    };
    let error = v4("can-reach=tor", &troubled);
    assert!(
        error.contains("found by can-reach=tor; nobody answers: set IP,"),
        "{error}"
    );
}

#[test]
fn what_is_down_or_not_usable_is_passed_over() {
    let mut facts = machine();
    facts.interfaces[4].addresses[0].usable = false;
    facts.interfaces[4].addresses[2].usable = false;
    assert_eq!(v4("first-found", &facts), "ens34 10.9.0.3/24");
    let mut facts = machine();
    facts.interfaces[4].up = false;
    assert_eq!(v4("first-found", &facts), "ens34 10.9.0.3/24");
}

#[test]
fn a_method_that_is_none_is_named() {
    for (wrong, why) in [
        ("last-found", "none of first-found"),
        ("interface=", "names nothing"),
        ("interface=ens(", "no regular expression"),
        ("cidr=10.0.0.0", "no CIDR"),
        ("can-reach=", "names nothing"),
    ] {
        let error = Method::parse(wrong).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    for text in [
        "first-found",
        "interface=a,b.*",
        "skip-interface=a",
        "can-reach=h",
        "cidr=10.0.0.0/8",
        "kubernetes-internal-ip",
    ] {
        assert_eq!(Method::parse(text).unwrap().to_string(), text);
    }
}
