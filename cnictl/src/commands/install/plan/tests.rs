use super::super::kubeconfig::Credentials;
use super::super::model::{Machine, certified, found, told};
use super::super::wanted::Found;
use super::*;

const CONFLIST: &str = "/etc/cni/net.d/10-manx.conflist";
const ETCD: [(&str, &str); 1] = [("etcd_endpoints", "https://10.0.0.1:2379")];

fn with_token(token: &str) -> Found {
    Found {
        credentials: Some(Credentials {
            server: "https://10.96.0.1:443".to_owned(),
            authority: None,
            token: token.to_owned(),
        }),
        ..certified(found("1"), "2026")
    }
}

fn touched(steps: &[Step]) -> Vec<String> {
    steps.iter().map(ToString::to_string).collect()
}

#[test]
fn the_conflist_is_last_and_waits_for_the_sidecar_and_the_caller_follows_the_called() {
    let mut machine = Machine::new();
    let steps = touched(&machine.install(&told(&ETCD), &with_token("t")));
    let at = |text: &str| {
        let found = steps.iter().position(|step| step.starts_with(text));
        found.unwrap_or_else(|| panic!("{text}: {steps:#?}"))
    };
    let order = [
        at("make folder /var/lib/cni/manx (0700)"),
        at("write /var/lib/cni/manx/install.json (0600"),
        at("write /var/lib/calico/nodename (0644"),
        at("write /etc/cni/net.d/manx-kubeconfig (0600"),
        at("write /opt/cni/bin/cni-ipam (0755"),
        at("write /opt/cni/bin/cni-net (0755"),
        at("wait for bgp-sidecar (/run/manx/ready"),
        at(&format!("write {CONFLIST} (0600")),
    ];
    assert!(order.is_sorted(), "{steps:#?}");
    assert_eq!(order.last(), Some(&(steps.len() - 1)), "{steps:#?}");
    let alone = Machine::new()
        .plan(&told(&[("no_wait", "true")]), &found("1"))
        .unwrap();
    assert!(
        !alone.iter().any(|step| matches!(step, Step::Await { .. })),
        "{alone:#?}"
    );
}

#[test]
fn what_is_as_it_should_be_is_not_touched() {
    let mut machine = Machine::new();
    let told = told(&ETCD);
    machine.install(&told, &with_token("t"));
    assert_eq!(machine.plan(&told, &with_token("t")), Ok(Vec::new()));
    let renewed = machine.install(&told, &with_token("u"));
    assert_eq!(touched(&renewed).len(), 1, "{renewed:#?}");
    assert!(
        machine
            .text("/etc/cni/net.d/manx-kubeconfig")
            .unwrap()
            .contains("\"u\"")
    );
    let upgrade = Found {
        programs: found("2").programs,
        ..with_token("u")
    };
    assert_eq!(machine.install(&told, &upgrade).len(), 2);
    assert_eq!(machine.text("/opt/cni/bin/cni-net").as_deref(), Some("cni-net 2"));
}

/// At every moment: what is called is there before the conflist is, and the certificates belong together.
fn whole(machine: &Machine) {
    let text = |path: &str| machine.text(path);
    if text(CONFLIST).is_some() {
        for path in [
            "/opt/cni/bin/cni-net",
            "/opt/cni/bin/cni-ipam",
            "/var/lib/calico/nodename",
        ] {
            assert!(text(path).is_some(), "{path}");
        }
        assert!(text("/etc/cni/net.d/manx-kubeconfig").is_some());
    }
    let years: BTreeSet<_> = ["etcd-ca", "etcd-cert", "etcd-key"]
        .iter()
        .map(|name| Some(text(&format!("/etc/cni/net.d/manx-tls/{name}"))?.split_off(name.len())))
        .collect();
    assert_eq!(years.len(), 1, "{years:?}");
}

#[test]
fn an_installation_that_is_cut_off_anywhere_is_completed_by_the_next_and_all_of_it_can_be_removed() {
    let told = told(&[ETCD[0], ("calico_names", "true")]);
    let mut older = Machine::new();
    older.others("/opt/cni/bin/calico", "calico's own");
    older.others("/var/lib/cni/results/x", "libcni's own");
    let fresh = older.clone();
    older.install(&told, &with_token("t"));
    let new = certified(with_token("u"), "2027");
    for start in [fresh, older] {
        let steps = start.plan(&told, &new).unwrap();
        let mut complete = start.clone();
        complete.install(&told, &new);
        for cut in 0..steps.len() {
            let mut machine = start.clone();
            for step in steps.iter().take(cut) {
                machine.apply(step);
                whole(&machine);
            }
            let named: BTreeSet<_> = machine
                .receipt()
                .into_iter()
                .flat_map(|receipt| receipt.files)
                .collect();
            let unnamed = machine.ours().find(|path| !named.contains(*path));
            assert_eq!(unnamed, None, "after {cut} of {steps:#?}");
            for step in machine.plan(&told, &new).unwrap() {
                machine.apply(&step);
                whole(&machine);
            }
            assert_eq!(machine, complete, "after {cut} of {steps:#?}");
        }
    }
}

#[test]
fn new_certificates_come_all_at_once_and_the_old_ones_go() {
    let told = told(&ETCD);
    let mut machine = Machine::new();
    machine.install(&told, &certified(found("1"), "2026"));
    let old = machine.receipt().unwrap().files;
    let conflist = machine.text(CONFLIST).unwrap();
    let steps = machine.install(&told, &certified(found("1"), "2027"));
    assert_eq!(machine.text(CONFLIST), Some(conflist), "its paths stay");
    let switches = steps
        .iter()
        .filter(|step| matches!(step, Step::Link { .. }))
        .count();
    assert_eq!(switches, 1, "{steps:#?}");
    let key = machine.text("/etc/cni/net.d/manx-tls/etcd-key");
    assert_eq!(key.as_deref(), Some("etcd-key 2027"));
    let gone: Vec<_> = old
        .difference(&machine.receipt().unwrap().files)
        .cloned()
        .collect();
    assert_eq!(gone.len(), 3, "{gone:?}");
    assert!(gone.iter().all(|path| !machine.seen().has(path)), "{gone:?}");
    assert_eq!(
        machine.plan(&told, &certified(found("1"), "2027")),
        Ok(Vec::new())
    );
}

#[test]
fn another_name_of_the_conflist_takes_the_place_of_the_old_one() {
    let mut machine = Machine::new();
    machine.install(&told(&[]), &found("1"));
    let steps = machine.install(&told(&[("conf_name", "05-first.conflist")]), &found("1"));
    assert_eq!(machine.text(CONFLIST), None);
    assert!(machine.text("/etc/cni/net.d/05-first.conflist").is_some());
    let place = |text: &str| {
        touched(&steps)
            .iter()
            .position(|step| step.contains(text))
            .unwrap()
    };
    assert!(
        place("write /etc/cni/net.d/05") < place("remove /etc/cni/net.d/10"),
        "{steps:#?}"
    );
}

#[test]
fn calicos_own_plugins_are_kept_and_put_back_when_their_names_are_not_wanted_any_more() {
    let mut machine = Machine::new();
    machine.others("/opt/cni/bin/calico", "calico's own");
    let names = told(&[("calico_names", "true")]);
    machine.install(&names, &found("1"));
    assert_eq!(machine.text("/opt/cni/bin/calico").as_deref(), Some("cni-net 1"));
    assert_eq!(
        machine.text("/opt/cni/bin/calico-ipam").as_deref(),
        Some("cni-ipam 1")
    );
    assert_eq!(machine.plan(&names, &found("1")), Ok(Vec::new()));
    machine.install(&told(&[]), &found("1"));
    assert_eq!(
        machine.text("/opt/cni/bin/calico").as_deref(),
        Some("calico's own")
    );
    assert_eq!(machine.text("/opt/cni/bin/calico-ipam"), None);
}

#[test]
fn a_packages_plugins_stay_where_they_are() {
    let packaged = Found {
        in_place: true,
        ..found("1")
    };
    let mut machine = Machine::new();
    machine.install(&told(&[]), &found("1"));
    let steps = machine.install(&told(&[]), &packaged);
    assert!(machine.text("/opt/cni/bin/cni-net").is_some(), "{steps:#?}");
    let receipt = machine.receipt().unwrap();
    assert!(
        !receipt.files.contains(Path::new("/opt/cni/bin/cni-net")),
        "{receipt:?}"
    );
}

#[test]
fn what_lies_in_the_way_is_named() {
    let mut machine = Machine::new();
    machine.others("/etc/cni/net.d", "a file");
    let error = machine.plan(&told(&[]), &found("1")).unwrap_err();
    assert!(error.contains("/etc/cni/net.d is no folder"), "{error}");
    let mut machine = Machine::new();
    machine.others("/var/lib/calico/nodename/x", "a folder");
    let error = machine.plan(&told(&[]), &found("1")).unwrap_err();
    assert!(error.contains("/var/lib/calico/nodename is no file"), "{error}");
}
