//! `dataplane_options` of type "grpc": another program makes the interface, and this plugin none.

use integration::apiserver::ApiServer;
use integration::dataplane::DataPlane;
use integration::json::with;
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    a_data_plane_is_told_everything_and_its_words_stand_in_result_and_record,
    a_data_plane_that_fails_or_is_away_fails_the_call_and_leaves_nothing,
    del_of_an_older_container_asks_the_data_plane_nothing,
);

const RECORD: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/worker01-k8s-web-eth0";
const AGAIN: u64 = 11;
const FAILED: u64 = 170;

fn lab(kind: Kind) -> (Lab, DataPlane, Value) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let plane = DataPlane::start(&lab.path("plane.sock"));
    let options = json!({"type": "grpc", "socket": plane.socket(), "colour": "blue", "number": 7});
    let conf = with(lab.node.conf(), "dataplane_options", options);
    (lab, plane, with(conf, "mtu", 1400))
}

fn a_data_plane_is_told_everything_and_its_words_stand_in_result_and_record(kind: Kind) {
    let (lab, plane, conf) = lab(kind);
    let server = ApiServer::start(&lab);
    server.put(
        "/api/v1/namespaces/default/pods/web",
        json!({"metadata": {"name": "web", "labels": {"app": "shop"}, "annotations": {"note": "x"}}}),
    );
    let conf = server.conf(conf);
    let before = Traces::of(&lab);
    let pod = Pod::kubernetes("default", "web");
    let result = lab.node.add(&conf, &pod);
    let given = address(&result);
    let netns = pod.netns.path().display().to_string();
    let (host, mac) = DataPlane::MADE;
    assert_eq!(
        result["interfaces"],
        json!([{"name": host}, {"name": "eth0", "mac": mac, "mtu": 1400, "sandbox": netns}])
    );
    assert_eq!(
        pod.netns.links(),
        Vec::<String>::new(),
        "this plugin makes nothing"
    );
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    told(&plane, &netns, &given);
    if kind == Kind::Etcd {
        let record = lab.etcd().get(RECORD).expect("the pod's record");
        assert_eq!(
            (&record["spec"]["interfaceName"], &record["spec"]["mac"]),
            (&json!(host), &json!(mac))
        );
    }
    lab.node.check(&conf, &pod, &result).silent();
    lab.node.del(&conf, &pod);
    told_of_del(&plane, &netns);
    before.unchanged(&lab);
}

/// What an ADD of the pod `web` tells.
fn told(plane: &DataPlane, netns: &str, given: &str) {
    let (path, asked) = plane.asked().remove(0);
    assert_eq!(path, "/cni.CniDataplane/Add");
    assert_eq!(
        (asked.interface_name.as_str(), asked.netns.as_str()),
        ("eth0", netns)
    );
    assert_eq!(asked.desired_host_interface_name.len(), "cali".len() + 11);
    assert_eq!(asked.settings.map(|settings| settings.mtu), Some(1400));
    assert_eq!(asked.container_ips[0].address, format!("{given}/32"));
    assert_eq!(asked.container_routes, ["0.0.0.0/0", "::/0"]);
    assert_eq!(asked.dataplane_options["colour"], "blue");
    assert!(!asked.dataplane_options.contains_key("number"), "only texts");
    let workload = asked.workload.unwrap_or_default();
    assert_eq!(
        (workload.name.as_str(), workload.pod.as_str()),
        ("worker01-k8s-web-eth0", "web")
    );
    assert_eq!(
        (workload.namespace.as_str(), workload.node.as_str()),
        ("default", "worker01")
    );
    assert_eq!(
        (
            workload.labels["app"].as_str(),
            workload.annotations["note"].as_str()
        ),
        ("shop", "x")
    );
}

/// What the DEL after it tells.
fn told_of_del(plane: &DataPlane, netns: &str) {
    let (path, asked) = plane.asked().remove(1);
    assert_eq!(
        (path.as_str(), asked.interface_name.as_str()),
        ("/cni.CniDataplane/Del", "eth0")
    );
    assert_eq!(
        (asked.netns.as_str(), asked.dataplane_options["colour"].as_str()),
        (netns, "blue")
    );
}

fn a_data_plane_that_fails_or_is_away_fails_the_call_and_leaves_nothing(kind: Kind) {
    let (lab, plane, conf) = lab(kind);
    let clean = Traces::of(&lab);
    let there = Pod::new("there");
    lab.node.add(&conf, &there);
    let before = Traces::of(&lab);
    plane.fail(Some("no room in the data plane"));
    let new = Pod::new("new");
    let failure = lab.node.call("ADD", &conf, &new).run().failure();
    assert_eq!(failure.code, FAILED, "{failure:?}");
    failure.says(&["no room in the data plane", &plane.socket()]);
    let failure = lab.node.call("DEL", &conf, &there).run().failure();
    assert_eq!(
        failure.code, FAILED,
        "the address is not free while the interface is there: {failure:?}"
    );
    plane.fail(None);
    lab.node.del(&conf, &new);
    before.unchanged(&lab);
    let away = with(
        conf.clone(),
        "dataplane_options/socket",
        "unix:///nonexistent/plane.sock",
    );
    for (verb, pod) in [("ADD", &new), ("DEL", &there)] {
        let failure = lab.node.call(verb, &away, pod).run().failure();
        assert_eq!(failure.code, AGAIN, "{verb}: {failure:?}");
        failure.says(&["/nonexistent/plane.sock", "dataplane_options"]);
    }
    lab.node.del(&conf, &new);
    before.unchanged(&lab);
    lab.node.del(&conf, &there);
    clean.unchanged(&lab);
}

/// What the data plane was asked so far, by verb and namespace.
fn asked(plane: &DataPlane) -> Vec<(String, String)> {
    let verb = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let asked = plane.asked().into_iter();
    asked.map(|(path, asked)| (verb(&path), asked.netns)).collect()
}

fn words(calls: &[(&str, &Pod)]) -> Vec<(String, String)> {
    let word = |(verb, pod): &(&str, &Pod)| ((*verb).to_owned(), pod.netns.path().display().to_string());
    calls.iter().map(word).collect()
}

fn web() -> Pod {
    Pod::kubernetes("default", "web")
}

fn del_of_an_older_container_asks_the_data_plane_nothing(kind: Kind) {
    let (lab, plane, conf) = lab(kind);
    let before = Traces::of(&lab);
    let (old, new) = (web(), web());
    let first = address(&lab.node.add(&conf, &old));
    lab.node.add(&conf, &new);
    // Runtimes pass the newer container's namespace.
    let netns = new.netns.path().display().to_string();
    let del = || lab.node.call("DEL", &conf, &old).env("CNI_NETNS", &netns);
    del().run().silent();
    del().run().silent();
    assert_eq!(asked(&plane), words(&[("Add", &old), ("Add", &new)]));
    let free = lab.cnictl(["ipam", "show", &format!("--ip={first}")]).ok();
    assert!(free.contains("not"), "{first} is free again: {free}");
    lab.node.del(&conf, &new);
    let all = [("Add", &old), ("Add", &new), ("Del", &new)];
    assert_eq!(asked(&plane), words(&all));
    before.unchanged(&lab);
}

#[test]
fn del_of_a_newer_container_that_was_killed_before_its_record_asks_the_data_plane() {
    let (lab, plane, conf) = lab(Kind::Etcd);
    let before = Traces::of(&lab);
    let (old, new) = (web(), web());
    lab.node.add(&conf, &old);
    let record = lab.etcd().get(RECORD).expect("the older one's record");
    lab.node.add(&conf, &new);
    lab.etcd().put(RECORD, &record);
    lab.node.del(&conf, &new);
    lab.node.del(&conf, &old);
    let all = [("Add", &old), ("Add", &new), ("Del", &new), ("Del", &old)];
    assert_eq!(asked(&plane), words(&all));
    before.unchanged(&lab);
}
