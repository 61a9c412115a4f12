//! Pods of a cluster, made and seen as a user does.

use serde_json::{Value, json};

use super::{BUSYBOX, Cluster};
use crate::json::{list, text};
use crate::process::{Answer, Cmd};
use crate::wait::eventually;

/// A pod that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// Its node.
    pub node: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
}

/// A container with a web server that says its pod's name, probed by both kinds of probes.
fn container() -> Value {
    let probe = |extra: Value| {
        let mut probe = json!({"periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 30});
        for (field, value) in extra.as_object().into_iter().flatten() {
            probe[field] = value.clone();
        }
        probe
    };
    let serve = "hostname >/tmp/index.html; exec httpd -f -p 8080 -h /tmp";
    json!({"name": "web", "image": BUSYBOX, "command": ["/bin/sh", "-c", serve],
        "readinessProbe": probe(json!({"httpGet": {"path": "/index.html", "port": 8080}})),
        "livenessProbe": probe(json!({"tcpSocket": {"port": 8080}}))})
}

/// What a pod is made of: as many as there are nodes are spread over them.
fn pod(app: &str) -> Value {
    json!({"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "containers": [container()],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"app": app}}}]})
}

/// A Deployment of web servers.
pub fn deployment(namespace: &str, app: &str, replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": app, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": app}},
            "template": {"metadata": {"labels": {"app": app}}, "spec": pod(app)}}})
}

impl Cluster {
    /// A Deployment, until every pod of it is Ready.
    pub fn deploy(&self, namespace: &str, app: &str, replicas: u32) -> Vec<Placed> {
        self.control
            .apply(deployment(namespace, app, replicas).to_string());
        self.are_ready(namespace, app, replicas)
    }

    /// Changes its number, until it has as many Ready pods.
    pub fn scale(&self, namespace: &str, app: &str, replicas: u32) -> Vec<Placed> {
        let number = format!("--replicas={replicas}");
        let target = format!("deployment/{app}");
        self.control
            .kubectl(&["-n", namespace, "scale", &target, &number])
            .ok();
        self.are_ready(namespace, app, replicas)
    }

    /// Waits for so many pods of an app, every one Ready.
    pub fn are_ready(&self, namespace: &str, app: &str, number: u32) -> Vec<Placed> {
        let mut last = None;
        eventually(&format!("{number} pods of {app} are Ready"), || {
            let label = format!("app={app}");
            let all = self.control.get(&["pods", "-n", namespace, "-l", &label]);
            let pods = list(&all, "/items");
            let ready: Vec<_> = pods.iter().filter_map(placed).collect();
            if last != Some((pods.len(), ready.len())) {
                eprintln!("{app}: {} pods, {} Ready", pods.len(), ready.len());
                last = Some((pods.len(), ready.len()));
            }
            (pods.len() == ready.len() && u32::try_from(ready.len()) == Ok(number)).then_some(ready)
        })
    }

    /// A pod by itself on a node, with these annotations, until it is Ready.
    pub fn pod(&self, namespace: &str, name: &str, node: &str, annotations: &Value) -> Placed {
        let mut spec = pod(name);
        spec["nodeName"] = Value::from(node);
        let object = json!({"apiVersion": "v1", "kind": "Pod", "spec": spec, "metadata": {"name": name,
            "namespace": namespace, "labels": {"app": name}, "annotations": annotations}});
        self.control.apply(object.to_string());
        let mut pods = self.are_ready(namespace, name, 1);
        pods.remove(0)
    }

    /// What a command says in a pod, by its node's runtime: the API server may be away.
    pub fn exec_on_node(&self, pod: &Placed, command: &[&str]) -> Cmd {
        let machine = self.machine(&pod.node);
        let sandbox = self.sandbox(pod);
        let container = machine.crictl(&["ps", "-q", "--pod", &sandbox]).ok();
        machine.crictl(&["exec", container.trim()]).args(command)
    }

    /// The sandbox of a pod, as its runtime calls it.
    pub fn sandbox(&self, pod: &Placed) -> String {
        let machine = self.machine(&pod.node);
        let name = format!("^{}$", pod.name);
        let running = ["pods", "-q", "--no-trunc", "--state", "ready", "--name", &name];
        machine.crictl(&running).ok().trim().to_owned()
    }

    /// How often containers of a namespace were started again, by pod.
    pub fn restarts(&self, namespace: &str) -> Vec<(String, u64)> {
        let all = self.control.get(&["pods", "-n", namespace]);
        let count = |pod: &Value| {
            let of = list(pod, "/status/containerStatuses").iter();
            of.filter_map(|one| one["restartCount"].as_u64()).sum()
        };
        let pods = list(&all, "/items").iter();
        pods.map(|pod| (text(pod, "/metadata/name").to_owned(), count(pod)))
            .collect()
    }

    /// What a command says in a pod.
    pub fn exec(&self, pod: &Placed, command: &[&str]) -> Answer {
        let words = ["-n", &pod.namespace, "exec", &pod.name, "--"];
        self.control.kubectl(&words).args(command).run()
    }

    /// The TTL of an address' answer to a pod.
    pub fn ttl(&self, pod: &Placed, address: &str) -> u8 {
        let answer = self.exec(pod, &["ping", "-c", "1", "-W", "20", address]).ok();
        let ttl = answer.stdout.split("ttl=").nth(1);
        let ttl = ttl.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        ttl.unwrap_or_else(|| panic!("no ttl in {}", answer.told()))
    }

    /// What the web server at an address says to a pod.
    pub fn fetch(&self, pod: &Placed, address: &str, port: u16) -> String {
        let said = self.try_fetch(pod, address, port);
        said.unwrap_or_else(|| panic!("{}: nothing from {address}:{port}", pod.name))
    }

    /// The same, if it says something.
    pub fn try_fetch(&self, pod: &Placed, address: &str, port: u16) -> Option<String> {
        let request = format!("printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | nc -w 20 {address} {port}");
        let answer = self.exec(pod, &["sh", "-c", &request]);
        answer.stdout.lines().last().map(str::to_owned)
    }
}

/// A pod, if it is Ready and is to stay.
fn placed(pod: &Value) -> Option<Placed> {
    let conditions = list(pod, "/status/conditions");
    let ready = conditions.iter().find(|one| text(one, "/type") == "Ready")?;
    let stays = pod.pointer("/metadata/deletionTimestamp").is_none();
    let field = |pointer: &str| text(pod, pointer).to_owned();
    (stays && text(ready, "/status") == "True").then(|| Placed {
        node: field("/spec/nodeName"),
        namespace: field("/metadata/namespace"),
        name: field("/metadata/name"),
        address: field("/status/podIP"),
    })
}
