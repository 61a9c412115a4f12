//! Stored objects as Calico's clients return them: with their revision, a pool's defaults, an affinity's key in words. Pure.

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use shared::model::Stored;
use shared::model::affinity::BlockAffinity;
use shared::model::key::{Key, Prefix};
use shared::model::meta::API_VERSION;
use shared::txn::{Entry, Snapshot};

use crate::resource::Kind;
use crate::stored::{metadata, parsed};
use crate::validate;

/// Objects that were found, and what cannot be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// In the order of their keys.
    pub objects: Vec<Value>,
    /// Values that are no object.
    pub problems: Vec<String>,
}

/// Every object of a kind below these prefixes.
pub fn all(kind: Kind, snapshot: &Snapshot, prefixes: &[Prefix]) -> View {
    let mut view = View::default();
    for prefix in prefixes {
        for (key, entry) in snapshot.under(prefix) {
            if kind == Kind::BlockAffinity && Block::of(key).is_none() {
                continue;
            }
            match shown(kind, key, entry) {
                Ok(object) => view.objects.push(object),
                Err(problem) => view.problems.push(problem),
            }
        }
    }
    view
}

/// A stored object.
///
/// # Errors
/// The value is none.
pub fn shown(kind: Kind, key: &Key, entry: &Entry) -> Result<Value, String> {
    if kind == Kind::BlockAffinity {
        return affinity(key, entry);
    }
    let mut object = parsed(key, entry)?;
    let mut fields = match object.get_mut("metadata").map(Value::take) {
        Some(Value::Object(fields)) => fields,
        Some(_) | None => Map::new(),
    };
    fields.insert("resourceVersion".to_owned(), json!(entry.revision.0.to_string()));
    object.insert("metadata".to_owned(), metadata(fields));
    if let (Kind::IpPool, Some(Value::Object(spec))) = (kind, object.get_mut("spec")) {
        validate::pool_defaults(spec);
    }
    Ok(Value::Object(object))
}

/// What an affinity's key says.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// `host`, or `virtual` for what is no host.
    pub class: &'static str,
    /// Whose it is.
    pub owner: String,
    /// The block.
    pub cidr: IpNet,
}

impl Block {
    /// `…/host/<node>/ipv4/block/10.0.0.0-26`
    pub fn of(key: &Key) -> Option<Self> {
        let classes = [
            ("host", Prefix::all_affinities()),
            ("virtual", Prefix::virtual_affinities()),
        ];
        let (class, prefix) = classes.into_iter().find(|(_, prefix)| prefix.holds(key))?;
        let mut parts = key.as_str().strip_prefix(prefix.as_str())?.split('/');
        let (owner, family) = (parts.next()?, parts.next()?);
        let (word, cidr) = (parts.next()?, parts.next()?);
        let cidr: IpNet = cidr.replacen('-', "/", 1).parse().ok()?;
        let fits = (family == "ipv4") == cidr.addr().is_ipv4() && word == "block" && parts.next().is_none();
        fits.then(|| Self {
            class,
            owner: owner.to_owned(),
            cidr,
        })
    }

    /// The name of the resource where Calico keeps it as one: `node-1-10-0-0-0-26`.
    pub fn name(&self) -> String {
        let cidr = self.cidr.to_string().replace(['.', ':', '/'], "-");
        format!("{}-{cidr}", self.owner)
    }
}

fn affinity(key: &Key, entry: &Entry) -> Result<Value, String> {
    let block = Block::of(key).ok_or_else(|| format!("{key} names no block"))?;
    let affinity = BlockAffinity::from_bytes(&entry.value)
        .map_err(|error| format!("{key} holds no affinity: {error}"))?;
    // An old empty value is a finished claim.
    let state = match affinity.state.as_str() {
        "" => BlockAffinity::CONFIRMED,
        state => state,
    };
    Ok(json!({
        "kind": "BlockAffinity",
        "apiVersion": API_VERSION,
        "metadata": {"name": block.name(), "resourceVersion": entry.revision.0.to_string()},
        "spec": {
            "state": state,
            "node": block.owner,
            "type": block.class,
            "cidr": block.cidr.to_string(),
            "deleted": affinity.deleted,
        },
    }))
}

/// `metadata.name`, or nothing.
pub fn name(object: &Value) -> &str {
    crate::stored::text(object, "/metadata/name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::txn::Revision;

    fn stored(value: &str) -> Entry {
        Entry {
            value: value.as_bytes().to_vec(),
            revision: Revision(7),
        }
    }

    #[test]
    fn an_affinity_is_shown_as_the_resource_it_is_elsewhere() {
        let key = Key::stored("/calico/ipam/v2/host/node-1/ipv6/block/fd00::40-122");
        let shown = shown(
            Kind::BlockAffinity,
            &key,
            &stored(r#"{"state":"pending","deleted":false}"#),
        )
        .unwrap();
        assert_eq!(
            shown,
            json!({"kind": "BlockAffinity", "apiVersion": "projectcalico.org/v3",
                "metadata": {"name": "node-1-fd00--40-122", "resourceVersion": "7"},
                "spec": {"state": "pending", "node": "node-1", "type": "host", "cidr": "fd00::40/122", "deleted": false}})
        );
    }

    #[test]
    fn an_old_empty_affinity_is_a_confirmed_one_and_another_key_is_none() {
        let key = Key::stored("/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.0.0.0-26");
        let shown = shown(Kind::BlockAffinity, &key, &stored("")).unwrap();
        assert_eq!(shown["spec"]["state"], "confirmed");
        assert_eq!(shown["spec"]["type"], "virtual");
        for key in [
            "/calico/ipam/v2/host/node-1",
            "/calico/ipam/v2/host/node-1/ipv6/block/10.0.0.0-26",
            "/calico/ipam/v2/host/node-1/ipv4/block/10.0.0.0-26/more",
            "/calico/ipam/v2/handle/a",
        ] {
            assert_eq!(Block::of(&Key::stored(key)), None, "{key}");
        }
    }
}
