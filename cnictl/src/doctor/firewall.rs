//! The host's packet filter, as far as it stands between pods and the network.

use super::{Facts, Finding};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    dropped(facts).into_iter().chain(rejected(facts)).collect()
}

/// `-P FORWARD DROP` with no rule that lets everything of pods' interfaces through.
fn dropped(facts: &Facts) -> Option<Finding> {
    let drops = facts.filter_rules.iter().any(|rule| rule == "-P FORWARD DROP");
    let lets_through = |rule: &String| {
        let any = rule == "-A FORWARD -j ACCEPT";
        any || rule.starts_with("-A FORWARD") && rule.contains("cali") && rule.ends_with("-j ACCEPT")
    };
    (drops && !facts.filter_rules.iter().any(lets_through)).then(|| {
        Finding::error(
            "forward-drop",
            "the FORWARD policy is DROP (Docker sets it), and no rule accepts pods' packets".to_owned(),
            "iptables -P FORWARD ACCEPT; or iptables -I FORWARD -i cali+ -j ACCEPT and iptables -I FORWARD -o cali+ -j ACCEPT",
        )
    })
}

/// What firewalld and old distributions put at the end: everything that is not known is refused.
fn rejected(facts: &Facts) -> Option<Finding> {
    let rejects = |rule: &&String| {
        rule.starts_with("-A FORWARD")
            && rule.contains("-j REJECT")
            && !rule.contains(" -s ")
            && !rule.contains(" -d ")
    };
    let rule = facts.filter_rules.iter().find(rejects)?;
    Some(Finding::error(
        "forward-reject",
        format!("a rule refuses what is forwarded: {rule}"),
        "remove it, or put rules before it that accept cali+ in both directions",
    ))
}
