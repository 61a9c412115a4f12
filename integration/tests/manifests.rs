//! `conf/kubernetes`: every manifest is read strictly, what it refers to is there, and what its containers do fits.

use std::collections::BTreeSet;
use std::path::Path;

use integration::json::{list, text};
use integration::manifests::{self, Manifests};
use integration::process::Cmd;
use integration::{Kind, Lab, require};
use serde_json::{Value, json};

mod installer;

use installer::dry_run;

const SYSTEM: &str = "manx-system";
/// What the API server makes by itself, or an operator may.
const OPTIONAL: &str = "kubernetes-services-endpoint";

/// Everything that names another object.
#[expect(
    clippy::too_many_lines,
    reason = "every kind of reference, one after the other"
)]
fn references_resolve(all: &Manifests) {
    let namespaces: BTreeSet<&str> = all
        .of("Namespace")
        .map(|one| text(one, "/metadata/name"))
        .collect();
    for object in all.all() {
        let namespace = text(object, "/metadata/namespace");
        assert!(
            namespace.is_empty() || namespaces.contains(namespace),
            "{namespace} of {object}"
        );
    }
    for binding in all.of("ClusterRoleBinding").chain(all.of("RoleBinding")) {
        let namespace = match text(binding, "/roleRef/kind") {
            "Role" => text(binding, "/metadata/namespace"),
            _ => "",
        };
        all.get(
            text(binding, "/roleRef/kind"),
            namespace,
            text(binding, "/roleRef/name"),
        );
        for subject in list(binding, "/subjects") {
            all.get(
                text(subject, "/kind"),
                text(subject, "/namespace"),
                text(subject, "/name"),
            );
        }
    }
    for set in all.of("DaemonSet") {
        let (namespace, pod) = (text(set, "/metadata/namespace"), &set["spec"]["template"]["spec"]);
        assert_eq!(
            set["spec"]["selector"]["matchLabels"],
            set["spec"]["template"]["metadata"]["labels"]
        );
        if let Some(account) = pod["serviceAccountName"].as_str() {
            all.get("ServiceAccount", namespace, account);
        }
        let volumes: BTreeSet<&str> = list(pod, "/volumes")
            .iter()
            .map(|one| text(one, "/name"))
            .collect();
        for volume in list(pod, "/volumes") {
            if let Some(secret) = volume.get("secret") {
                assert_eq!(
                    secret["optional"], true,
                    "{volume}: it comes when the operator says so"
                );
            }
        }
        let mut used = BTreeSet::new();
        for container in list(pod, "/containers")
            .iter()
            .chain(list(pod, "/initContainers"))
        {
            used.extend(
                list(container, "/volumeMounts")
                    .iter()
                    .map(|mount| text(mount, "/name")),
            );
            all.environment(text(container, "/name"), "n1");
            for map in list(container, "/envFrom") {
                assert_eq!(text(map, "/configMapRef/name"), OPTIONAL);
                assert_eq!(map["configMapRef"]["optional"], true);
            }
        }
        assert_eq!(used, volumes, "every volume is there and used");
    }
}

#[test]
fn every_manifest_is_read_strictly_and_names_what_there_is() {
    for folder in ["base", "bank", "uninstall"] {
        references_resolve(&Manifests::build(folder));
    }
}

/// `kubectl apply` of a Secret without data takes away what `kubectl apply` has given it.
#[test]
fn no_manifest_touches_a_secret_that_the_operator_fills() {
    for folder in ["base", "bank", "uninstall"] {
        assert_eq!(Manifests::build(folder).of("Secret").count(), 0, "{folder}");
    }
}

#[test]
fn every_container_calls_a_program_of_the_image_with_words_it_knows() {
    let programs = ["cnictl", "bgp-sidecar"];
    for folder in ["base", "bank", "uninstall"] {
        let all = Manifests::build(folder);
        for set in all.of("DaemonSet") {
            let pod = &set["spec"]["template"]["spec"];
            for container in list(pod, "/containers")
                .iter()
                .chain(list(pod, "/initContainers"))
            {
                let words: Vec<&str> = list(container, "/command")
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                let (program, words) = words.split_first().expect("a command");
                assert!(programs.contains(program), "{program} is in the image");
                // Words that are not known are an error before the help is.
                Cmd::new(require::dist(program))
                    .args(words)
                    .args(["--help"])
                    .no_env()
                    .ok();
            }
        }
    }
}

#[test]
fn the_configmaps_conflist_is_the_installers_own_template() {
    let all = Manifests::build("base");
    let map = all.get("ConfigMap", SYSTEM, "manx-config");
    let own =
        std::fs::read_to_string(require::file("conf/templates/kubernetes.conflist")).expect("the template");
    assert_eq!(text(map, "/data/cni_network_config").trim(), own.trim());
}

/// With these variables and no other path: what is written lies in a mounted folder, or could not be.
#[test]
fn the_install_container_writes_only_where_something_is_mounted() {
    let all = Manifests::build("bank");
    let container = all.container("install");
    let lab = Lab::new(Kind::Embedded);
    let told = dry_run(&all, &lab);
    let mounts: Vec<&str> = list(container, "/volumeMounts")
        .iter()
        .map(|mount| text(mount, "/mountPath"))
        .collect();
    let written: Vec<&str> = told
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("write "))
        .collect();
    assert!(written.len() >= 9, "{}", told.told());
    for line in written {
        let path = line.split(' ').next().unwrap_or_default();
        assert!(
            mounts.iter().any(|mount| Path::new(path).starts_with(mount)),
            "{path}: {mounts:?}"
        );
    }
    let waits = told.stdout.contains("wait for bgp-sidecar (/run/manx/ready");
    assert!(waits, "{}", told.told());
    let sidecars = list(all.container("bgp-sidecar"), "/volumeMounts");
    let sees = |path: &str| sidecars.iter().any(|mount| text(mount, "/mountPath") == path);
    for path in [
        "/run/manx",
        "/var/lib/cni/manx",
        "/var/lib/calico",
        "/etc/machine-id",
        "/calico-secrets",
        "/host/proc/sys/net",
    ] {
        assert!(sees(path), "{path}");
    }
}

#[test]
fn the_banks_resources_are_taken_as_they_are_and_fit_its_manifests() {
    let all = Manifests::build("bank");
    let lab = Lab::new(Kind::Etcd);
    let folder = require::file("conf/kubernetes/bank/calico");
    for _ in 0..2 {
        lab.cnictl(["apply", "-f", &folder.display().to_string()]).ok();
    }
    let pools = lab.cnictl(["get", "ippool", "-o", "json"]).run().ok().json();
    let names: BTreeSet<&str> = list(&pools, "/items")
        .iter()
        .map(|pool| text(pool, "/metadata/name"))
        .collect();
    assert!(
        list(&pools, "/items")
            .iter()
            .all(|pool| pool["spec"]["blockSize"] == 32),
        "{pools}"
    );
    for namespace in all.of("Namespace") {
        let told = namespace["metadata"]["annotations"].get("cni.projectcalico.org/ipv4pools");
        for pool in told
            .and_then(Value::as_str)
            .map(|told| serde_json::from_str::<Vec<String>>(told).expect("a list"))
            .into_iter()
            .flatten()
        {
            assert!(names.contains(pool.as_str()), "{pool}");
        }
    }
    let mounted = list(all.container("bgp-sidecar"), "/volumeMounts").iter();
    let mounted: BTreeSet<&str> = mounted.map(|mount| text(mount, "/mountPath")).collect();
    let peers = manifests::file(&folder.join("40-peers.yaml"));
    for peer in &peers {
        let secret = text(peer, "/spec/password/secretKeyRef/name");
        assert!(
            mounted.contains(format!("/etc/cni/manx/secrets/{secret}").as_str()),
            "{secret}"
        );
    }
    assert!(!peers.is_empty());
}

/// The network is there before what needs one, on every node, and is renewed node by node.
#[test]
fn the_daemonset_runs_on_every_node_first_and_is_replaced_on_one_at_a_time() {
    for folder in ["base", "bank"] {
        let all = Manifests::build(folder);
        let set = all.get("DaemonSet", SYSTEM, "manx-node");
        assert_eq!(
            set["spec"]["updateStrategy"],
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}})
        );
        let pod = &set["spec"]["template"]["spec"];
        assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]));
        assert_eq!(pod["priorityClassName"], "system-node-critical");
        assert_eq!(pod["hostNetwork"], true);
        let sidecar = all.container("bgp-sidecar");
        for (probe, path) in [
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ] {
            let asked = &sidecar[probe]["httpGet"];
            assert_eq!(
                *asked,
                json!({"host": "127.0.0.1", "port": 9179, "path": path}),
                "{probe}"
            );
        }
    }
}

/// The sidecar's two capabilities are the same for systemd and for Kubernetes.
#[test]
fn the_unit_and_the_daemonset_give_the_sidecar_the_same_rights() {
    let unit = std::fs::read_to_string(require::file("conf/systemd/bgp-sidecar.service")).expect("the unit");
    let of_unit = unit
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="))
        .expect("a set");
    let of_unit: BTreeSet<String> = of_unit
        .split(' ')
        .map(|name| name.trim_start_matches("CAP_").to_owned())
        .collect();
    let all = Manifests::build("base");
    let rights = &all.container("bgp-sidecar")["securityContext"]["capabilities"];
    assert_eq!(rights["drop"], serde_json::json!(["ALL"]));
    let of_pod: BTreeSet<String> = list(rights, "/add")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    assert_eq!(of_unit, of_pod);
    let installers = &all.container("install")["securityContext"]["capabilities"];
    assert!(list(installers, "/add").is_empty(), "{installers}");
}
