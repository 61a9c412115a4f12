//! A BGPFilter as it stands in the datastore.

use serde_json::Value;

use super::field::{Field, PolicyError};
use super::filter::{Action, Filter, MatchOperator, Net, Operation, PeerType, Rule};
use crate::wire::Family;

const CONDITIONS: [&str; 10] = [
    "cidr",
    "matchOperator",
    "prefixLength",
    "source",
    "interface",
    "peerType",
    "communities",
    "asPathPrefix",
    "priority",
    "action",
];

impl Filter {
    /// The filter in a BGPFilter resource.
    pub fn parse(name: &str, resource: &Value) -> Result<Filter, PolicyError> {
        let root = Field {
            filter: name,
            path: "spec".to_owned(),
            value: resource.get("spec").unwrap_or(&Value::Null),
        };
        let list = |field: &str, family: Family| match root.get(field) {
            None => Ok(Vec::new()),
            Some(rules) => rules.items()?.iter().map(|one| rule(one, family)).collect(),
        };
        Ok(Filter {
            name: name.to_owned(),
            export_v4: list("exportV4", Family::Ipv4)?,
            import_v4: list("importV4", Family::Ipv4)?,
            export_v6: list("exportV6", Family::Ipv6)?,
            import_v6: list("importV6", Family::Ipv6)?,
        })
    }
}

fn rule(field: &Field<'_>, family: Family) -> Result<Rule, PolicyError> {
    let known: Vec<_> = CONDITIONS.iter().copied().chain(["operations"]).collect();
    field.only(&known)?;
    let source = field.get("source").map(|one| one.one_of(&[("RemotePeers", ())]));
    let types = [("eBGP", PeerType::External), ("iBGP", PeerType::Internal)];
    let peer_type = field.get("peerType").map(|one| one.one_of(&types));
    let interface = field.get("interface").map(|one| one.text().map(str::to_owned));
    let as_path_prefix = field.get("asPathPrefix").map(|one| as_numbers(&one));
    let priority = field
        .get("priority")
        .map(|one| one.number(1, i32::MAX as u32 - 1));
    Ok(Rule {
        net: net(field, family)?,
        remote_peers: source.transpose()?.is_some(),
        interface: interface.transpose()?,
        peer_type: peer_type.transpose()?,
        community: community(field)?,
        as_path_prefix: as_path_prefix.transpose()?.unwrap_or_default(),
        priority: priority.transpose()?,
        action: action(field)?,
    })
}

fn net(field: &Field<'_>, family: Family) -> Result<Option<Net>, PolicyError> {
    let Some(cidr) = field.get("cidr") else {
        return match field.get("matchOperator").or_else(|| field.get("prefixLength")) {
            Some(lonely) => Err(lonely.error("means nothing without cidr; add cidr and matchOperator")),
            None => Ok(None),
        };
    };
    let operator = field.required("matchOperator")?.one_of(&[
        ("Equal", MatchOperator::Equal),
        ("NotEqual", MatchOperator::NotEqual),
        ("In", MatchOperator::In),
        ("NotIn", MatchOperator::NotIn),
    ])?;
    let cidr = cidr.net(family)?;
    let longest = cidr.max_prefix_len();
    let length = |name: &str, otherwise: u8| -> Result<u8, PolicyError> {
        let bound = field.get("prefixLength").and_then(|lengths| lengths.get(name));
        let bound = bound
            .map(|bound| bound.number(0, u32::from(longest)))
            .transpose()?;
        Ok(bound
            .and_then(|bound| u8::try_from(bound).ok())
            .unwrap_or(otherwise))
    };
    if let Some(lengths) = field.get("prefixLength") {
        lengths.only(&["min", "max"])?;
    }
    let (least, most) = (length("min", 0)?, length("max", longest)?);
    if least > most {
        return Err(field.error(format!(
            "prefixLength.min {least} is above max {most}; exchange them"
        )));
    }
    Ok(Some(Net {
        cidr,
        operator,
        least,
        most,
    }))
}

fn community(field: &Field<'_>) -> Result<Option<super::Community>, PolicyError> {
    let Some(communities) = field.get("communities") else {
        return Ok(None);
    };
    communities.only(&["values"])?;
    let values = communities.required("values")?;
    match values.items()?.as_slice() {
        [one] => one.community().map(Some),
        [] | [_, ..] => Err(values.error("exactly one community goes here; write a rule for each")),
    }
}

fn as_numbers(field: &Field<'_>) -> Result<Vec<u32>, PolicyError> {
    field.items()?.iter().map(Field::as_number).collect()
}

fn action(field: &Field<'_>) -> Result<Action, PolicyError> {
    let accept = field
        .required("action")?
        .one_of(&[("Accept", true), ("Reject", false)])?;
    let Some(operations) = field.get("operations") else {
        let action = if accept {
            Action::Accept(Vec::new())
        } else {
            Action::Reject
        };
        return Ok(action);
    };
    let items = operations.items()?;
    if !accept && !items.is_empty() {
        return Err(operations.error("a rejected route cannot be changed; remove operations"));
    }
    if items.len() > 10 {
        return Err(operations.error("more than 10 operations"));
    }
    let operations: Result<_, _> = items.iter().map(operation).collect();
    if accept {
        operations.map(Action::Accept)
    } else {
        Ok(Action::Reject)
    }
}

fn operation(field: &Field<'_>) -> Result<Operation, PolicyError> {
    const KNOWN: [&str; 3] = ["addCommunity", "prependASPath", "setPriority"];
    field.only(&KNOWN)?;
    let [add, prepend, set] = KNOWN.map(|name| field.get(name));
    match (add, prepend, set) {
        (Some(add), None, None) => Ok(Operation::AddCommunity(add.required("value")?.community()?)),
        (None, Some(prepend), None) => {
            let prefix = prepend.required("prefix")?;
            let numbers = as_numbers(&prefix)?;
            if numbers.is_empty() || numbers.len() > 10 {
                return Err(prefix.error("between 1 and 10 AS numbers go here"));
            }
            Ok(Operation::PrependAsPath(numbers))
        }
        (None, None, Some(set)) => {
            let value = set.required("value")?.number(1, i32::MAX as u32 - 1)?;
            Ok(Operation::SetPriority(value))
        }
        (_, _, _) => Err(field.error("exactly one of addCommunity, prependASPath, setPriority goes here")),
    }
}

#[cfg(test)]
mod tests;
