//! The API server where it is not needed, does not answer, or refuses; and kubeconfigs as they are found.

use std::time::Duration;

use integration::apiserver::{ApiServer, Manner};
use integration::json::{list, text, with};
use integration::node::address;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    without_an_answer_add_ends_in_time_and_leaves_nothing_and_del_does_not_ask,
    a_slow_answer_is_waited_for,
    whatever_is_refused_says_what_to_do,
    a_kubeconfig_that_cannot_be_used_is_named_and_keeps_no_pod_from_going,
    nobody_is_asked_and_no_kubeconfig_opened_without_need,
);

const AGAIN: u64 = 11;
const UNAVAILABLE: u64 = 50;
pub(crate) const KUBECONFIG: u64 = 190;
pub(crate) const REFUSED: u64 = 191;
const MISSING: u64 = 192;
const NO_API: u64 = 194;
/// Far more than any timeout here, on a machine that is busy.
const IN_TIME: Duration = Duration::from_secs(20);

pub(crate) fn lab(kind: Kind) -> (Lab, ApiServer, Value) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let server = ApiServer::start(&lab);
    server.pod("web", &[]);
    let conf = server.conf(lab.node.conf());
    (lab, server, conf)
}

pub(crate) fn web() -> Pod {
    Pod::kubernetes("default", "web")
}

fn without_an_answer_add_ends_in_time_and_leaves_nothing_and_del_does_not_ask(kind: Kind) {
    let (lab, mut server, conf) = lab(kind);
    let clean = Traces::of(&lab);
    let there = web();
    lab.node.add(&conf, &there);
    let before = Traces::of(&lab);
    server.pod("new", &[]);
    server.behave(Manner::Silent);
    let new = Pod::kubernetes("default", "new");
    let short = with(conf.clone(), "timeouts/add", 3);
    let answer = lab.node.call("ADD", &short, &new).run();
    assert!(answer.took < IN_TIME, "{:?}", answer.took);
    let failure = answer.failure();
    assert_eq!(failure.code, AGAIN, "{failure:?}");
    failure.says(&[&server.url(), "has not answered"]);
    before.unchanged(&lab);
    server.stop();
    eventually("nobody listens any more", || {
        let failure = lab.node.call("ADD", &conf, &new).run().failure();
        assert_eq!(failure.code, AGAIN, "{failure:?}");
        failure.says(&[&server.url()]);
        before.unchanged(&lab);
        failure.msg.contains("refused").then_some(())
    });
    lab.node.del(&conf, &new);
    lab.node.del(&conf, &there);
    clean.unchanged(&lab);
}

fn a_slow_answer_is_waited_for(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    let wait = Duration::from_millis(700);
    server.behave(Manner::Slow(wait));
    let answer = lab.node.call("ADD", &conf, &web()).run();
    assert!(answer.took >= wait, "it did not wait: {:?}", answer.took);
    answer.result();
}

fn whatever_is_refused_says_what_to_do(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    let before = Traces::of(&lab);
    let fails = |pod: &Pod, code: u64, says: &[&str]| {
        let failure = lab.node.call("ADD", &conf, pod).run().failure();
        assert_eq!(failure.code, code, "{failure:?}");
        failure.says(says);
        failure.says(&[&server.url()]);
        before.unchanged(&lab);
    };
    fails(
        &Pod::kubernetes("default", "gone"),
        MISSING,
        &["pod default/gone", "static pod"],
    );
    fails(&Pod::kubernetes("nowhere", "web"), MISSING, &["nowhere"]);
    server.behave(Manner::Refusing(403, "Forbidden"));
    fails(
        &web(),
        REFUSED,
        &[
            "apiGroups [\"\"]",
            "verbs [\"get\"]",
            "may not read",
            "kubeconfig",
        ],
    );
    server.behave(Manner::Refusing(401, "Unauthorized"));
    fails(&web(), REFUSED, &["does not know the user", "kubeconfig"]);
    server.behave(Manner::Refusing(503, "ServiceUnavailable"));
    fails(&web(), AGAIN, &["503", "tries again"]);
    server.behave(Manner::Page);
    fails(&web(), NO_API, &["API server's URL"]);
    server.behave(Manner::Prompt);
    let odd = Pod::kubernetes("default/../../x", "web");
    let failure = lab.node.call("ADD", &conf, &odd).run().failure();
    failure.says(&["K8S_POD_NAMESPACE"]);
}

/// Paths of kubeconfigs that cannot be used, and what is said of each.
fn unusable_kubeconfigs(server: &ApiServer) -> [(String, &'static str); 6] {
    let file = |name: &str, text: &str| {
        let path = server.file(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{name}: {error}"));
        path.display().to_string()
    };
    let user = |name: &str, user: &str| server.kubeconfig(name, user).display().to_string();
    [
        ("/nonexistent/kubeconfig".to_owned(), "No such file"),
        (file("broken", "apiVersion: [\n  token: hidden-secret"), "broken"),
        (file("empty", "apiVersion: v1\nkind: Config\n"), "current-context"),
        (
            user("exec", "{exec: {command: /bin/true, apiVersion: x/v1}}"),
            "exec",
        ),
        (
            user("no-token", "{tokenFile: /nonexistent/token}"),
            "/nonexistent/token",
        ),
        (
            user(
                "no-key",
                "{client-certificate: /nonexistent/cert, client-key: /nonexistent/key}",
            ),
            "/nonexistent",
        ),
    ]
}

fn a_kubeconfig_that_cannot_be_used_is_named_and_keeps_no_pod_from_going(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    let there = web();
    lab.node.add(&conf, &there);
    let before = Traces::of(&lab);
    let asked = server.connections();
    let cases = unusable_kubeconfigs(&server);
    for (path, says) in cases {
        let conf = with(conf.clone(), "kubernetes/kubeconfig", path.as_str());
        let new = Pod::kubernetes("default", "web");
        let failure = lab.node.call("ADD", &conf, &new).run().failure();
        assert_eq!(failure.code, KUBECONFIG, "{failure:?}");
        failure.says(&[&path, says]);
        assert!(!format!("{failure:?}").contains("hidden-secret"), "{failure:?}");
        let status = lab.node.verb("STATUS", &conf).run().failure();
        assert_eq!(status.code, UNAVAILABLE, "{status:?}");
        lab.node.del(&conf, &new);
        before.unchanged(&lab);
    }
    assert_eq!(server.connections(), asked, "nobody was asked");
    lab.node.verb("STATUS", &conf).run().silent();
    let conf = with(conf, "kubernetes/kubeconfig", "/nonexistent/kubeconfig");
    lab.node.del(&conf, &there);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
}

fn nobody_is_asked_and_no_kubeconfig_opened_without_need(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    let plain = with(lab.node.conf(), "policy/type", "k8s");
    let pod = web();
    lab.node.add(&plain, &pod);
    lab.node.del(&plain, &pod);
    // A kubeconfig that would fail whoever opens it: for a container that is no pod, for an IPAM plugin that knows no
    // namespaces, and for every other verb.
    let trap = with(conf, "kubernetes/kubeconfig", "/nonexistent/kubeconfig");
    let container = Pod::new("plain");
    let result = lab.node.add(&trap, &container);
    lab.node.check(&trap, &container, &result).silent();
    lab.node.del(&trap, &container);
    let ranges = json!({"type": "host-local", "subnet": "10.7.0.0/24", "dataDir": lab.path("host-local")});
    let foreign = with(with(trap.clone(), "ipam", ranges), "policy/type", "");
    let foreign = with(foreign, "cniVersion", "1.0.0");
    let pod = web();
    lab.node.add(&foreign, &pod);
    lab.node.del(&foreign, &pod);
    let mut gc = trap;
    gc["cni.dev/valid-attachments"] = json!([]);
    lab.node.verb("GC", &gc).run().silent();
    assert_eq!(server.connections(), 0);
}

#[test]
fn host_local_gets_the_pod_cidr_that_kubernetes_gave_the_node() {
    let (lab, server, conf) = lab(Kind::Etcd);
    server.put(
        "/api/v1/nodes/worker01",
        json!({"kind": "Node", "metadata": {"name": "worker01"}, "spec": {"podCIDRs": ["10.8.3.0/24"]}}),
    );
    let ranges = json!({"type": "host-local", "subnet": "usePodCidr", "dataDir": lab.path("host-local")});
    let conf = with(with(conf, "ipam", ranges), "cniVersion", "1.0.0");
    let pod = web();
    let given = address(&lab.node.add(&conf, &pod));
    assert!(given.starts_with("10.8.3."), "{given}");
    lab.node.del(&conf, &pod);
}

#[test]
fn beside_another_main_plugin_cni_ipam_says_that_it_knows_no_namespace() {
    let (lab, server, conf) = lab(Kind::Etcd);
    let key = "/calico/resources/v3/projectcalico.org/ippools/pool";
    let pool = lab.etcd().get(key).expect("the pool");
    lab.etcd()
        .put(key, &with(pool, "spec/namespaceSelector", "team == 'a'"));
    server.namespace("default", json!({"team": "a"}), json!({}));
    let result = lab.node.add(&conf, &web());
    assert_eq!(
        list(&result, "/ips").len(),
        1,
        "{}",
        text(&result, "/ips/0/address")
    );
    let alone = with(conf, "type", "cni-ipam");
    let answer = lab.node.call("ADD", &alone, &web()).run();
    assert!(
        answer.stderr.contains("kubernetes.kubeconfig"),
        "{}",
        answer.stderr
    );
    answer
        .failure()
        .says(&["namespaceSelector", "none of which are known"]);
}
