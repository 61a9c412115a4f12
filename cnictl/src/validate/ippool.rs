//! An IPPool's spec: defaults as Calico writes them, and the rules of [`IPPool::validate`].

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use shared::model::ippool::{IPPool, default_block_size};

use super::{Checked, default, text};

/// Quotes that word processors put where a selector wants ' or ".
const TYPOGRAPHIC: [char; 10] = ['‘', '’', '‚', '‛', '“', '”', '„', '‟', '«', '»'];

/// The spec with Calico's defaults, if it makes a pool.
pub(super) fn prepare(name: &str, mut spec: Map<String, Value>) -> Checked {
    let cidr = cidr(&spec)?;
    spec.insert("cidr".to_owned(), json!(cidr.to_string()));
    let quotes: Vec<String> = ["nodeSelector", "namespaceSelector"]
        .into_iter()
        .filter_map(|field| typographic(field, text(&spec, field)))
        .collect();
    if !quotes.is_empty() {
        return Err(quotes);
    }
    defaults(&mut spec);
    let pool = typed(name, &spec).map_err(|problem| vec![problem])?;
    let problems = pool.validate([]);
    if !problems.is_empty() {
        return Err(problems.iter().map(ToString::to_string).collect());
    }
    let warnings = warnings(&spec);
    Ok((spec, warnings))
}

/// Fills in what Calico fills in, when it writes a pool and when it reads one.
pub fn defaults(spec: &mut Map<String, Value>) {
    let ipv4 = !text(spec, "cidr").contains(':');
    default(spec, "vxlanMode", "Never");
    default(spec, "ipipMode", "Never");
    default(spec, "blockSize", default_block_size(ipv4));
    default(spec, "nodeSelector", "all()");
    default(spec, "allowedUses", json!(["Workload", "Tunnel"]));
    default(spec, "assignmentMode", "Automatic");
}

/// The pool as the allocator reads it.
pub fn typed(name: &str, spec: &Map<String, Value>) -> Result<IPPool, String> {
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))
        .map_err(|error| error.to_string())
}

fn cidr(spec: &Map<String, Value>) -> Result<IpNet, Vec<String>> {
    let given = text(spec, "cidr").trim();
    if given.is_empty() {
        return Err(vec!["spec.cidr: is missing".to_owned()]);
    }
    let wanted = "is no CIDR such as 10.0.0.0/16 or fd00::/112";
    given
        .parse()
        .map_err(|_| vec![format!("spec.cidr: {given:?} {wanted}")])
}

pub(super) fn typographic(field: &str, selector: &str) -> Option<String> {
    let quote = selector.chars().find(|c| TYPOGRAPHIC.contains(c))?;
    Some(format!(
        "spec.{field}: {selector:?} contains the typographic quote {quote} (U+{:04X}): write ' or \"",
        u32::from(quote)
    ))
}

fn warnings(spec: &Map<String, Value>) -> Vec<String> {
    let mut warnings = Vec::new();
    for field in ["ipipMode", "vxlanMode"] {
        match text(spec, field) {
            "Always" => warnings.push(format!(
                "spec.{field}: Always is stored, but encapsulation is not built yet: no address will be given out \
                 of this pool; set Never or CrossSubnet"
            )),
            "CrossSubnet" => warnings.push(format!(
                "spec.{field}: CrossSubnet is stored and addresses are given out, but encapsulation is not built \
                 yet: between subnets pods are reached by routes only"
            )),
            _ => {}
        }
    }
    if spec.get("natOutgoing") == Some(&Value::Bool(true)) {
        warnings.push("spec.natOutgoing: true is stored, but masquerading is not built yet".to_owned());
    }
    warnings
}
