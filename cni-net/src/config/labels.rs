//! Labels that Mesos passes in `args`, made fit for Calico. Pure.

use serde::Deserialize;
use shared::cni::config::NetConf;
use shared::cni::error::CniError;

use super::{at, invalid};

const WHERE: [&str; 5] = ["args", "org.apache.mesos", "network_info", "labels", "labels"];

#[derive(Deserialize)]
struct Label {
    key: String,
    value: String,
}

/// The label that is no label but says where the record lives.
const NAMESPACE: &str = "projectcalico.org/namespace";

/// What the labels say: they themselves, and the namespace of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) namespace: Option<String>,
}

/// `args."org.apache.mesos".network_info.labels.labels`, sanitised, in order.
pub(super) fn of(conf: &NetConf) -> Result<Labels, CniError> {
    let found = match at(conf, &WHERE) {
        None | Some(serde_json::Value::Null) => return Ok(Labels::default()),
        Some(found) => Vec::<Label>::deserialize(found),
    };
    let given = found.map_err(|error| invalid(format!("{}: {error}", WHERE.join("."))))?;
    let (namespace, labels): (Vec<_>, Vec<_>) = given.iter().partition(|label| label.key == NAMESPACE);
    Ok(Labels {
        labels: labels
            .iter()
            .map(|label| (sanitised(&label.key), sanitised(&label.value)))
            .collect(),
        namespace: namespace
            .last()
            .map(|label| sanitised(&label.value))
            .filter(|name| !name.is_empty()),
    })
}

/// `/` becomes `.`, a run of other illegal characters `-`, a run of dots and dashes with a dot in it `.`; no
/// dot or dash is left at either end.
fn sanitised(text: &str) -> String {
    let mut clean = String::new();
    let mut run = String::new();
    for char in text.chars() {
        match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => {
                close(&mut clean, &mut run);
                clean.push(char);
            }
            '/' | '.' => run.push('.'),
            '-' => run.push('-'),
            _ if run.ends_with('?') => {}
            _ => run.push('?'),
        }
    }
    clean
}

fn close(clean: &mut String, run: &mut String) {
    if !clean.is_empty() {
        match run.contains('.') {
            true => clean.push('.'),
            false => clean.push_str(&run.replace('?', "-")),
        }
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::sanitised;

    #[test]
    fn a_label_is_made_fit_for_calico() {
        for (given, wanted) in [
            ("plain_Text-1", "plain_Text-1"),
            ("a/b", "a.b"),
            ("a  b!c", "a-b-c"),
            ("a-/.-b", "a.b"),
            ("..a--b--", "a--b"),
            ("///", ""),
        ] {
            assert_eq!(sanitised(given), wanted, "{given}");
        }
    }
}
