//! Who asks for which pools: the pod's annotation before the namespace's, and both before the configuration. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Request;

/// The annotations about pools, of IPv4 and of IPv6.
pub const ANNOTATIONS: [&str; 2] = [
    "cni.projectcalico.org/ipv4pools",
    "cni.projectcalico.org/ipv6pools",
];

/// Pools asked for, and by whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// By name or range, in order.
    pub pools: Vec<String>,
    /// In words.
    pub from: String,
}

/// What is known of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// The node it is to run on.
    pub node: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its namespace's annotations.
    pub namespace_annotations: BTreeMap<String, String>,
    /// Its namespace's labels, if they are known.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Origin and text of a network configuration.
    pub conflist: Option<(String, String)>,
}

impl Pod {
    /// What to explain.
    pub fn request(self) -> Result<Request, String> {
        Ok(Request {
            asked_v4: self.asked(ANNOTATIONS[0], "ipv4_pools")?,
            asked_v6: self.asked(ANNOTATIONS[1], "ipv6_pools")?,
            node: self.node,
            namespace: self.namespace,
            namespace_labels: self.namespace_labels,
        })
    }

    fn asked(&self, annotation: &str, field: &str) -> Result<Option<Asked>, String> {
        let namespace = self.namespace.as_deref().unwrap_or("(not named)");
        let pod = format!("{namespace}/{}", self.name.as_deref().unwrap_or("(not named)"));
        for (annotations, whose) in [
            (&self.annotations, format!("pod {pod}")),
            (&self.namespace_annotations, format!("namespace {namespace}")),
        ] {
            let Some(text) = annotations.get(annotation).filter(|text| !text.is_empty()) else {
                continue;
            };
            let from = format!("annotation {annotation} of {whose}");
            // `null` is an empty list, as in Go.
            let pools: Option<Vec<String>> = serde_json::from_str(text)
                .map_err(|error| format!("{from}: {text:?} is no JSON list of names and ranges: {error}"))?;
            let pools = pools.unwrap_or_default();
            return Ok(Some(Asked { pools, from }));
        }
        self.conflist
            .as_ref()
            .map_or(Ok(None), |(origin, text)| configured(origin, text, field))
    }
}

/// The pools in the ipam section of the first plugin that has any.
fn configured(origin: &str, text: &str, field: &str) -> Result<Option<Asked>, String> {
    let conf: Value = serde_json::from_str(text).map_err(|error| format!("{origin}: {error}"))?;
    let plugins = match conf.get("plugins") {
        Some(Value::Array(plugins)) => plugins.clone(),
        Some(_) | None => vec![conf],
    };
    let pointer = format!("/ipam/{field}");
    let Some(list) = plugins
        .iter()
        .find_map(|plugin| plugin.pointer(&pointer))
        .filter(|list| !list.is_null())
    else {
        return Ok(None);
    };
    let pools: Vec<String> = serde_json::from_value(list.clone())
        .map_err(|error| format!("{origin}: ipam.{field} is no list of names and ranges: {error}"))?;
    let from = format!("{origin} ipam.{field}");
    Ok((!pools.is_empty()).then_some(Asked { pools, from }))
}

/// `KEY=VALUE` words as a map.
pub fn pairs(words: &[String]) -> Result<BTreeMap<String, String>, String> {
    let pair = |word: &String| {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{word:?} is not KEY=VALUE"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    words.iter().map(pair).collect()
}
