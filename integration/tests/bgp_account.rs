//! The DaemonSet's sidecar asks the API server by its pod's own ServiceAccount: with the rights that the manifests give,
//! and with whatever token the kubelet has put there last.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use integration::apiserver::ApiServer;
use integration::json::{list, text};
use integration::manifests::Manifests;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, lab};

const NODE: &str = "/calico/resources/v3/projectcalico.org/nodes/worker01";
const TOKEN: &str = "token-of-the-laboratory";

/// What the kubelet mounts: links into a folder that is exchanged as a whole.
struct Mounted(PathBuf);

impl Mounted {
    fn new(lab: &Lab, server: &ApiServer, token: &str) -> Self {
        let mounted = Self(lab.path("serviceaccount"));
        std::fs::create_dir_all(&mounted.0).expect("a folder");
        mounted.renew(server, token);
        for name in ["token", "ca.crt"] {
            symlink(Path::new("..data").join(name), mounted.0.join(name)).expect("a link");
        }
        mounted
    }

    fn renew(&self, server: &ApiServer, token: &str) {
        let folder = self.0.join(format!("..{token}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("token"), token).expect("a token");
        std::fs::copy(server.file("ca.pem"), folder.join("ca.crt")).expect("an authority");
        symlink(folder, self.0.join("..data_tmp")).expect("a link");
        std::fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).expect("another link");
    }
}

/// Verbs on nodes that the account of the DaemonSet's pods has.
fn verbs(all: &Manifests) -> BTreeSet<String> {
    let pod = all
        .of("DaemonSet")
        .next()
        .map(|set| &set["spec"]["template"]["spec"]);
    let account = text(pod.expect("a DaemonSet"), "/serviceAccountName");
    let of_it = |binding: &&Value| {
        list(binding, "/subjects")
            .iter()
            .any(|subject| text(subject, "/name") == account)
    };
    let mut verbs = BTreeSet::new();
    for binding in all.of("ClusterRoleBinding").filter(of_it) {
        let role = all.get("ClusterRole", "", text(binding, "/roleRef/name"));
        for rule in list(role, "/rules") {
            assert_eq!(
                rule["resources"],
                json!(["nodes"]),
                "nothing else is asked: {rule}"
            );
            verbs.extend(
                list(rule, "/verbs")
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned),
            );
        }
    }
    verbs
}

/// The verbs that requests needed, all of them about this node.
fn asked(server: &ApiServer, node: &str) -> BTreeSet<String> {
    let one = |path: &String| {
        if path == &format!("/api/v1/nodes/{node}") {
            return "get".to_owned();
        }
        let own = format!("fieldSelector=metadata.name%3D{node}");
        assert!(
            path.starts_with("/api/v1/nodes?") && path.contains(&own),
            "{path}"
        );
        let verb = if path.contains("watch=true") {
            "watch"
        } else {
            "list"
        };
        verb.to_owned()
    };
    server.requests().iter().map(one).collect()
}

fn logs(sidecar: &Sidecar, part: &str) {
    eventually(&format!("the log says {part:?}"), || {
        sidecar.log().contains(part).then_some(())
    });
}

fn rack(lab: &Lab, expected: &str) {
    eventually(&format!("rack is {expected}"), || {
        let record = lab.etcd().get(NODE)?;
        (record["metadata"]["labels"]["rack"] == expected).then_some(())
    });
}

fn label(server: &ApiServer, rack: &str) {
    server.node("worker01", json!({"rack": rack}), &[("InternalIP", ONE)]);
}

/// Refused with the token that is there, it goes on with the one that comes, now and whenever it is refused again.
fn goes_by_what_is_mounted(lab: &Lab, server: &ApiServer, mounted: &Mounted, sidecar: &Sidecar) {
    logs(sidecar, "does not know the user of");
    logs(sidecar, &format!("{}/token", mounted.0.display()));
    mounted.renew(server, TOKEN);
    rack(lab, "r1");
    label(server, "r2");
    rack(lab, "r2");
    // The watch that runs is not asked who it is; the next one is.
    mounted.renew(server, "another");
    server.end_watches();
    eventually("refused again", || {
        (sidecar.log().matches("does not know the user of").count() == 2).then_some(())
    });
    label(server, "r3");
    mounted.renew(server, TOKEN);
    rack(lab, "r3");
}

#[test]
fn a_pods_account_suffices_with_the_manifests_rights_and_whatever_token_is_there() {
    let all = Manifests::build("base");
    let lab = lab();
    let server = ApiServer::start(&lab);
    label(&server, "r1");
    server.allow_node("worker01");
    let mounted = Mounted::new(&lab, &server, "expired");
    let (host, port) = (server.url().replace("https://", ""), "6443");
    let folder = mounted.0.display().to_string();
    let mut variables = all.environment("bgp-sidecar", "worker01");
    variables.retain(|(name, _)| name == "NODENAME");
    assert_eq!(variables, [("NODENAME".to_owned(), "worker01".to_owned())]);
    let pods = [
        ("NODENAME", "worker01"),
        ("KUBERNETES_SERVICE_HOST", host.trim_end_matches(":6443")),
        ("KUBERNETES_SERVICE_PORT", port),
        ("MANX_SERVICE_ACCOUNT_DIR", &*folder),
    ];
    let sidecar = Sidecar::start_with(&lab, &lab.node, &json!({}), &pods);
    goes_by_what_is_mounted(&lab, &server, &mounted, &sidecar);
    drop(sidecar);
    lab.etcd().delete(NODE);
    let method = ("IP_AUTODETECTION_METHOD", "kubernetes-internal-ip");
    let pods: Vec<(&str, &str)> = pods.into_iter().chain([method]).collect();
    let _sidecar = Sidecar::start_with(&lab, &lab.node, &json!({}), &pods);
    rack(&lab, "r3");
    let record = lab.etcd().get(NODE).expect("a record");
    assert_eq!(record["spec"]["bgp"]["ipv4Address"], format!("{ONE}/24"));
    assert_eq!(
        asked(&server, "worker01"),
        verbs(&all),
        "each right is needed, and no other"
    );
}

/// No account where the pod has none: said once, and everything else goes on.
#[test]
fn a_pod_without_an_account_does_without() {
    let lab = lab();
    let variables = [
        ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
        ("MANX_SERVICE_ACCOUNT_DIR", "/nowhere/serviceaccount"),
    ];
    let sidecar = Sidecar::start_with(&lab, &lab.node, &json!({}), &variables);
    logs(&sidecar, "automountServiceAccountToken");
    logs(&sidecar, "msg=ready");
    let answer = lab.node.call("ADD", &lab.node.conf(), &Pod::new("plain")).run();
    assert!(answer.status.success(), "{}", answer.told());
}
