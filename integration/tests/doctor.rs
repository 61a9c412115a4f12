//! `cnictl doctor` on a host that is well, and on the same host with one thing spoilt at a time.

use std::collections::BTreeSet;
use std::fs;

use integration::Lab;
use integration::bird::{self, Bird};
use integration::fabric::Tor;
use integration::json::{list, text};
use integration::process::Cmd;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use serde_json::{Value, json};

const UPLINK: &str = "net/ipv4/conf/uplink/accept_redirects";

/// A node with a sidecar, our network configuration and nothing wrong.
pub(super) struct Host {
    pub(super) lab: Lab,
}

impl Host {
    pub(super) fn well() -> Self {
        let lab = Lab::secured();
        lab.pool("default-ipv4-ippool", "10.244.0.0/16", 26);
        for (path, value) in [
            ("net/ipv4/ip_forward", "1"),
            ("net/ipv4/conf/all/rp_filter", "0"),
            ("net/ipv4/conf/all/accept_redirects", "0"),
            (UPLINK, "0"),
        ] {
            lab.node.netns().set_sysctl(path, value);
        }
        let host = Self { lab };
        for folder in ["net.d", "bin"] {
            fs::create_dir_all(host.lab.path(folder)).expect("a folder");
        }
        host.network("10-manx.conflist", "cni-net");
        host.write("nodename", &host.lab.node.name);
        host.node("192.168.1.4/24");
        host
    }

    pub(super) fn node(&self, address: &str) {
        self.lab
            .apply(&json!({"kind": "Node", "metadata": {"name": self.lab.node.name}, "spec": {"bgp": {"ipv4Address": address}}}));
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.lab.path(name), text).expect("written");
    }

    fn network(&self, file: &str, plugin: &str) {
        let plugin = json!({"type": plugin, "etcd_endpoints": self.lab.etcd().endpoints(), "ipam": {"type": "cni-ipam"}});
        let list = json!({"cniVersion": "1.0.0", "name": "net", "plugins": [plugin]});
        self.write(&format!("net.d/{file}"), &list.to_string());
    }

    pub(super) fn doctor(&self) -> Cmd {
        let path = |name: &str| self.lab.path(name).display().to_string();
        self.lab
            .cnictl(["doctor", "-o", "json"])
            .args(["--cni-conf-dir", &path("net.d"), "--cni-bin-dir", &path("bin")])
            .args([
                "--sidecar-config",
                &path("sidecar.yaml"),
                "--kubelet-config",
                &path("kubelet.yaml"),
            ])
            .args([
                "--networkd-config",
                &path("networkd.conf"),
                "--nodename-file",
                &path("nodename"),
            ])
    }

    /// The checks that found something, and the exit code.
    pub(super) fn found(&self) -> (BTreeSet<String>, Option<i32>, Value) {
        let answer = self.doctor().run();
        let said = answer.json();
        let findings = list(&said, "/findings")
            .iter()
            .filter(|one| text(one, "/severity") != "note");
        let checks = findings.map(|one| text(one, "/check").to_owned()).collect();
        (checks, answer.status.code(), said)
    }

    /// Exactly this is found; `code` is the exit code.
    pub(super) fn finds(&self, check: &str, code: i32, words: &[&str]) {
        let (checks, exit, said) = self.found();
        assert_eq!(checks, BTreeSet::from([check.to_owned()]), "{said:#}");
        assert_eq!(exit, Some(code), "{said:#}");
        let whole = said.to_string();
        assert!(
            words.iter().all(|word| whole.contains(word)),
            "{words:?} in {said:#}"
        );
    }

    pub(super) fn is_well(&self) {
        let (checks, exit, said) = self.found();
        assert!(checks.is_empty() && exit == Some(0), "{said:#}");
    }
}

#[test]
fn settings_of_the_kernel_and_the_packet_filter() {
    let host = Host::well();
    host.is_well();
    let netns = host.lab.node.netns();
    let spoilt = |path: &str, bad: &str, good: &str, check: &str, code: i32| {
        netns.set_sysctl(path, bad);
        host.finds(check, code, &[]);
        netns.set_sysctl(path, good);
    };
    spoilt("net/ipv4/ip_forward", "0", "1", "forwarding-off", 2);
    // Switching forwarding off and on again brings the kernel's defaults back.
    netns.set_sysctl(UPLINK, "0");
    spoilt("net/ipv4/conf/all/rp_filter", "2", "0", "rp-filter-loose", 1);
    spoilt(UPLINK, "1", "0", "accept-redirects", 1);
    let iptables = |rule: &[&str]| netns.command("iptables").args(["-w"]).args(rule).run().ok_only();
    iptables(&["-P", "FORWARD", "DROP"]);
    host.finds("forward-drop", 2, &["cali+"]);
    for direction in ["-i", "-o"] {
        iptables(&["-I", "FORWARD", direction, "cali+", "-j", "ACCEPT"]);
    }
    host.is_well();
    iptables(&["-P", "FORWARD", "ACCEPT"]);
    iptables(&[
        "-A",
        "FORWARD",
        "-j",
        "REJECT",
        "--reject-with",
        "icmp-host-prohibited",
    ]);
    host.finds("forward-reject", 2, &["icmp-host-prohibited"]);
}

#[test]
fn routes_addresses_and_mtu() {
    let host = Host::well();
    let netns = host.lab.node.netns();
    netns.ip("route del default");
    host.finds("no-default-route", 1, &[]);
    netns.ip("route add default via 192.168.1.1");
    netns.ip("address add 192.168.1.9/24 dev uplink");
    host.is_well();
    host.node("192.168.1.9/24");
    host.finds("node-address-secondary", 2, &["192.168.1.9", "uplink"]);
    host.node("192.168.7.7/24");
    host.finds("node-address-missing", 2, &["192.168.7.7"]);
    host.node("192.168.1.4/24");
    netns.ip("link set uplink mtu 1400");
    netns.ip("link add cali1 mtu 1500 type veth peer name pod1");
    host.finds("mtu-too-large", 2, &["cali1", "1400"]);
}

#[test]
fn who_else_is_there() {
    let host = Host::well();
    host.network("05-other.conflist", "ptp");
    host.finds(
        "network-order",
        2,
        &["05-other.conflist", "ptp", "10-manx.conflist"],
    );
    fs::remove_file(host.lab.path("net.d/05-other.conflist")).expect("removed");
    host.write("sidecar.yaml", "datastore_type: embedded\n");
    host.finds("two-datastores", 2, &["embedded", &host.lab.etcd().endpoints()]);
    fs::remove_file(host.lab.path("sidecar.yaml")).expect("removed");
    host.write("bin/cni-net", "#!/bin/sh\necho 'cni-net 0.0.1 (older)'\n");
    Cmd::new("chmod")
        .args(["+x", &host.lab.path("bin/cni-net").display().to_string()])
        .ok();
    host.finds("other-version", 1, &["0.0.1 (older)"]);
    fs::remove_file(host.lab.path("bin/cni-net")).expect("removed");
    host.write("kubelet.yaml", "kind: KubeletConfiguration\nmaxPods: 5000\n");
    let (checks, exit, said) = host.found();
    assert!(
        checks.contains("blocks-below-max-pods") && exit == Some(1),
        "{said:#}"
    );
    fs::remove_file(host.lab.path("kubelet.yaml")).expect("removed");
    let tor = Tor::new("192.168.1.4", 64_512).knows("192.168.1.1", 64_512);
    let _bird = Bird::start(host.lab.node.shared_netns(), &bird::conf(&tor));
    eventually("a rival is found on the port", || {
        let (checks, exit, _) = host.found();
        let both = ["port-taken", "other-writers"]
            .iter()
            .all(|check| checks.contains(*check));
        (both && exit == Some(2)).then_some(())
    });
}

#[test]
fn our_own_sidecar_is_no_rival() {
    let host = Host::well();
    let _sidecar = Sidecar::start(&host.lab, &host.lab.node, &json!({}));
    eventually("the sidecar listens, and that is well", || {
        let listens = host
            .lab
            .node
            .netns()
            .command("ss")
            .args(["-Htln", "sport", "=", ":179"])
            .quiet()
            .run();
        (!listens.stdout.is_empty()).then_some(())
    });
    host.is_well();
}

#[test]
fn etcds_clock_and_certificates_are_looked_at() {
    let host = Host::well();
    let (endpoints, certificates) = host.lab.etcd().secured();
    let file = |name: &str| certificates.path(name).display().to_string();
    let answer = host
        .doctor()
        .args([
            "--etcd-endpoints",
            &endpoints,
            "--etcd-ca-cert-file",
            &file("ca.pem"),
        ])
        .args([
            "--etcd-cert-file",
            &file("client.pem"),
            "--etcd-key-file",
            &file("client.key"),
        ])
        .run();
    let said = answer.json();
    let checks: BTreeSet<&str> = list(&said, "/findings")
        .iter()
        .map(|one| text(one, "/check"))
        .collect();
    assert!(!checks.contains("clock-skew"), "not asked, or apart: {said:#}");
    // The laboratory's certificates are made for a day or two.
    assert!(checks.contains("certificate-expires"), "{said:#}");
}
