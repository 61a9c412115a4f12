//! Nodes of the API server: listed and watched, and forgotten as etcd's compaction forgets.

use std::io::{Result, Write};
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{ApiServer, PAUSE, State, lock};

/// Every Node, and what became of each.
#[derive(Default)]
pub(super) struct Nodes {
    objects: Vec<Value>,
    /// What happened, each at one more than the one before.
    events: Vec<(&'static str, Value)>,
    /// Nothing up to here can be watched from any more.
    forgotten: usize,
    /// Watches of an earlier number end.
    generation: u64,
    /// Who alone may be read.
    only: Option<String>,
}

/// A question about nodes.
struct Asked {
    watch: bool,
    name: Option<String>,
    version: usize,
}

impl ApiServer {
    /// Makes or changes a Node: its labels, its addresses as `("InternalIP", "192.168.1.4")`.
    pub fn node(&self, name: &str, labels: Value, addresses: &[(&str, &str)]) {
        let address = |(kind, address): &(&str, &str)| json!({"type": kind, "address": address});
        let addresses: Vec<Value> = addresses.iter().map(address).collect();
        let mut nodes = lock(&self.state.nodes);
        let object = json!({"kind": "Node", "apiVersion": "v1",
            "metadata": {"name": name, "labels": labels, "resourceVersion": nodes.next().to_string()},
            "status": {"addresses": addresses}});
        let known = nodes.objects.iter().position(|node| is(node, name));
        let kind = if known.is_some() { "MODIFIED" } else { "ADDED" };
        match known {
            Some(place) => nodes.objects[place] = object.clone(),
            None => nodes.objects.push(object.clone()),
        }
        nodes.events.push((kind, object.clone()));
        drop(nodes);
        self.put(&format!("/api/v1/nodes/{name}"), object);
    }

    /// Deletes a Node.
    pub fn delete_node(&self, name: &str) {
        self.remove(&format!("/api/v1/nodes/{name}"));
        let mut nodes = lock(&self.state.nodes);
        if let Some(place) = nodes.objects.iter().position(|node| is(node, name)) {
            let mut object = nodes.objects.remove(place);
            object["metadata"]["resourceVersion"] = json!(nodes.next().to_string());
            nodes.events.push(("DELETED", object));
        }
    }

    /// Whatever was, cannot be watched from any more: watches learn it by an event or, when they begin, by their status.
    pub fn forget(&self) {
        let mut nodes = lock(&self.state.nodes);
        // What happened elsewhere counts too.
        nodes.events.push(("", Value::Null));
        nodes.forgotten = nodes.events.len();
    }

    /// Ends every watch, as a server does after a while.
    pub fn end_watches(&self) {
        lock(&self.state.nodes).generation += 1;
    }

    /// From now on the user may read this Node and nothing else.
    pub fn allow_node(&self, name: &str) {
        lock(&self.state.nodes).only = Some(name.to_owned());
    }
}

impl Nodes {
    fn next(&self) -> usize {
        self.events.len() + 1
    }

    /// Whether a user may ask this.
    pub(super) fn allows(&self, path: &str) -> bool {
        let Some(only) = &self.only else {
            return true;
        };
        match asked(path) {
            Some(asked) => asked.name.as_ref() == Some(only),
            None => path == format!("/api/v1/nodes/{only}"),
        }
    }
}

fn is(node: &Value, name: &str) -> bool {
    node["metadata"]["name"] == name
}

/// Of a list or a watch; a single Node is an object as any other.
fn asked(path: &str) -> Option<Asked> {
    let query = path.strip_prefix("/api/v1/nodes?")?.replace("%3D", "=");
    let value = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.to_owned())
    };
    let name =
        value("fieldSelector").and_then(|field| Some(field.strip_prefix("metadata.name=")?.to_owned()));
    Some(Asked {
        watch: value("watch").as_deref() == Some("true"),
        name,
        version: value("resourceVersion")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
    })
}

/// The list, where one is asked for.
pub(super) fn list(state: &State, path: &str) -> Option<Value> {
    let asked = asked(path).filter(|asked| !asked.watch)?;
    let nodes = lock(&state.nodes);
    let wanted = |node: &&Value| asked.name.as_ref().is_none_or(|name| is(node, name));
    let items: Vec<&Value> = nodes.objects.iter().filter(wanted).collect();
    Some(json!({"kind": "NodeList", "apiVersion": "v1", "items": items,
        "metadata": {"resourceVersion": nodes.events.len().to_string()}}))
}

/// Whether a watch is asked for that cannot begin there.
pub(super) fn is_expired(state: &State, path: &str) -> bool {
    let forgotten = lock(&state.nodes).forgotten;
    asked(path).is_some_and(|asked| asked.watch && asked.version < forgotten)
}

/// Which watches end next. Taken before anything else is looked at, so that none begins behind an end that it belongs
/// to, by a manner that counted before.
pub(super) fn generation(state: &State) -> u64 {
    lock(&state.nodes).generation
}

/// Whether a watch is asked for.
pub(super) fn is_watch(path: &str) -> bool {
    asked(path).is_some_and(|asked| asked.watch)
}

/// Serves a watch to its end, or to the end of its [`generation`]; nothing where none is asked for.
pub(super) fn watch(
    state: &State,
    path: &str,
    generation: u64,
    stream: &mut impl Write,
) -> Option<Result<()>> {
    let asked = asked(path).filter(|asked| asked.watch)?;
    Some(serve(state, &asked, generation, stream))
}

fn serve(state: &State, asked: &Asked, generation: u64, stream: &mut impl Write) -> Result<()> {
    let head = "HTTP/1.1 200 -\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    let mut told = asked.version;
    while !state.stop.load(Ordering::SeqCst) {
        let (new, over) = {
            let nodes = lock(&state.nodes);
            let lost = told < nodes.forgotten;
            let over = lost || nodes.generation != generation;
            let since = nodes.events.get(told..).into_iter().flatten();
            let new: Vec<String> = match lost {
                true => vec![gone()],
                false => since.filter_map(|event| line(asked, event)).collect(),
            };
            told = nodes.events.len();
            (new, over)
        };
        for line in &new {
            write!(stream, "{:x}\r\n{line}\r\n", line.len())?;
        }
        stream.flush()?;
        if over {
            break;
        }
        std::thread::park_timeout(PAUSE);
    }
    write!(stream, "0\r\n\r\n")
}

fn gone() -> String {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired",
        "code": 410, "message": "too old resource version"});
    format!("{}\n", json!({"type": "ERROR", "object": status}))
}

fn line(asked: &Asked, (kind, object): &(&str, Value)) -> Option<String> {
    let own = asked.name.as_ref().is_none_or(|name| is(object, name));
    (own && !object.is_null()).then(|| format!("{}\n", json!({"type": kind, "object": object})))
}
