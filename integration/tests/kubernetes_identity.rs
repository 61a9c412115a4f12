//! Whose facts the API server's are: asked for side by side, of static pods, of pods made anew and of pods that are gone.

use integration::apiserver::{ApiServer, Manner};
use integration::json::with;
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

const MISSING: u64 = 192;
const PATH: &str = "/api/v1/namespaces/default/pods/web";
const ANOTHER: &str = "another pod of this name";

fn lab() -> (Lab, ApiServer, Value) {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let server = ApiServer::start(&lab);
    let conf = server.conf(lab.node.conf());
    (lab, server, conf)
}

/// The pod as the API server knows it, asking for an address by name.
fn web(uid: &str, annotations: &Value) -> Value {
    let metadata = json!({"name": "web", "namespace": "default", "uid": uid, "annotations": annotations});
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {"containers": [{"name": "main"}]}})
}

fn asked_as(uid: &str) -> Pod {
    Pod::kubernetes("default", "web").with_arg(&format!("K8S_POD_UID={uid}"))
}

#[test]
fn namespace_and_pod_are_asked_for_side_by_side() {
    let (lab, server, conf) = lab();
    server.pod("web", &[]);
    server.behave(Manner::Together(2));
    lab.node
        .call("ADD", &conf, &Pod::kubernetes("default", "web"))
        .run()
        .result();
    let mut asked = server.requests();
    asked.sort();
    assert_eq!(asked, ["/api/v1/namespaces/default", PATH]);
}

#[test]
fn a_static_pod_has_its_mirrors_facts_and_nobody_wonders_at_its_uid() {
    let (lab, server, conf) = lab();
    let mirror = json!({"kubernetes.io/config.mirror": "digest",
        "cni.projectcalico.org/ipAddrs": "[\"10.0.0.7\"]"});
    server.put(PATH, web("of-the-mirror", &mirror));
    let pod = asked_as("of-the-file");
    let answer = lab.node.call("ADD", &conf, &pod).run();
    assert!(!answer.stderr.contains(ANOTHER), "{}", answer.told());
    assert_eq!(address(&answer.result()), "10.0.0.7");
}

#[test]
fn a_pod_made_anew_meanwhile_has_the_newer_ones_facts_and_is_told() {
    let (lab, server, conf) = lab();
    let wants = json!({"cni.projectcalico.org/ipAddrs": "[\"10.0.0.9\"]"});
    server.put(PATH, web("newer", &wants));
    let older = lab.node.call("ADD", &conf, &asked_as("older")).run();
    assert!(
        older.stderr.contains(ANOTHER) && older.stderr.contains("wanted=older"),
        "{}",
        older.told()
    );
    assert_eq!(address(&older.result()), "10.0.0.9");
}

#[test]
fn a_pod_deleted_meanwhile_gets_nothing_and_its_del_succeeds() {
    let (lab, server, conf) = lab();
    let before = Traces::of(&lab);
    let pod = Pod::kubernetes("default", "web");
    let failure = lab.node.call("ADD", &conf, &pod).run().failure();
    assert_eq!(failure.code, MISSING, "{failure:?}");
    failure.says(&["pod default/web", "deleted meanwhile"]);
    before.unchanged(&lab);
    let asked = server.requests().len();
    lab.node
        .call("DEL", &with(conf, "cniVersion", "1.0.0"), &pod)
        .run()
        .silent();
    assert_eq!(server.requests().len(), asked, "DEL asks nobody");
}
