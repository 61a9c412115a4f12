//! An IPReservation: ranges and single addresses.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::Checked;

/// The spec, if every range in it can be read.
pub(super) fn prepare(mut spec: Map<String, Value>) -> Checked {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let ranges = spec.get_mut("reservedCIDRs").and_then(Value::as_array_mut);
    let mut count = 0;
    for (at, range) in ranges.into_iter().flatten().enumerate() {
        let text = range.as_str().unwrap_or("").trim().to_owned();
        match text.parse::<IpNet>() {
            Ok(net) if net != net.trunc() => warnings.push(format!(
                "spec.reservedCIDRs[{at}]: {text} keeps all of {}: for the one address write {}",
                net.trunc(),
                net.addr()
            )),
            Err(_) if text.parse::<IpAddr>().is_err() => problems.push(format!(
                "spec.reservedCIDRs[{at}]: {text:?} is neither an address nor a CIDR such as 10.0.0.0/29"
            )),
            Ok(_) | Err(_) => {}
        }
        *range = json!(text);
        count += 1;
    }
    if count == 0 {
        warnings.push("spec.reservedCIDRs: is empty: nothing is kept".to_owned());
    }
    if problems.is_empty() {
        Ok((spec, warnings))
    } else {
        Err(problems)
    }
}
