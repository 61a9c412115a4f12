//! What a sidecar's metrics say of its sessions (Prometheus' text format). Pure.

/// RFC 4273's numbers.
const STATES: [&str; 6] = [
    "Idle",
    "Connect",
    "Active",
    "OpenSent",
    "OpenConfirm",
    "Established",
];

/// Sessions, counted by kind, family and state, and those that are told one by one.
pub(super) fn lines(text: &str) -> Vec<String> {
    let samples: Vec<Sample<'_>> = text.lines().filter_map(Sample::of).collect();
    let of = |name: &'static str| samples.iter().filter(move |sample| sample.name == name);
    let counts = of("manx_bgp_peers")
        .filter(|sample| sample.value > 0.0)
        .map(|sample| {
            let label = |name| sample.label(name).unwrap_or("?");
            format!(
                "{} {} sessions {}: {}",
                label("kind"),
                label("family"),
                label("state"),
                sample.value
            )
        });
    let causes: Vec<&Sample<'_>> = of("manx_bgp_peer_last_error")
        .filter(|sample| sample.value > 0.0)
        .collect();
    let peers = of("manx_bgp_peer_state").map(|sample| {
        let peer = sample.label("peer").unwrap_or("?");
        let state = STATES
            .iter()
            .zip(1..)
            .find(|(_, number)| f64::from(*number) == sample.value)
            .map_or("?", |(state, _)| state);
        let cause = causes
            .iter()
            .find(|cause| cause.label("peer") == Some(peer))
            .and_then(|cause| cause.label("cause"));
        let why = cause.map_or_else(String::new, |cause| format!(" ({cause})"));
        format!("{peer} (AS {}): {state}{why}", sample.label("asn").unwrap_or("?"))
    });
    counts.chain(peers).collect()
}

/// `name{label="value"} number`
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

impl<'a> Sample<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (left, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
        let (name, labels) = left.split_once('{').unwrap_or((left, ""));
        Some(Self {
            name,
            labels: labels.trim_end_matches('}'),
            value: value.parse().ok()?,
        })
    }

    fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.split("\",").find_map(|pair| {
            let (label, value) = pair.split_once("=\"")?;
            (label == name).then(|| value.trim_end_matches('"'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_counted_and_peers_told_with_their_cause() {
        let text = "# HELP manx_bgp_peers peers\nmanx_bgp_peers{kind=\"mesh\",family=\"ipv4\",state=\"Established\"} 3\n\
                    manx_bgp_peers{kind=\"mesh\",family=\"ipv4\",state=\"Idle\"} 0\n\
                    manx_bgp_peer_state{peer=\"10.0.0.1\",kind=\"node\",asn=\"65001\"} 3\n\
                    manx_bgp_peer_last_error{peer=\"10.0.0.1\",kind=\"node\",asn=\"65001\",cause=\"refused\"} 1\n\
                    manx_problems 2\nnonsense\n";
        assert_eq!(
            lines(text),
            [
                "mesh ipv4 sessions Established: 3",
                "10.0.0.1 (AS 65001): Active (refused)"
            ]
        );
    }
}
