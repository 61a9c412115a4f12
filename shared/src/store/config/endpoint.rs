//! The list of etcd endpoints. Pure.

use super::ConfigError;

/// Each endpoint of a comma-separated list once, with its scheme; without one it is https where `tls` is
/// configured, as in etcd's own client.
pub(super) fn list(field: &str, text: &str, tls: bool) -> Result<Vec<String>, ConfigError> {
    let mut endpoints = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let endpoint = endpoint(field, word, tls)?;
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    if endpoints.is_empty() {
        return Err(ConfigError::Incomplete(format!(
            "{field} is {text:?}: it names no endpoint; write for example \"https://10.0.0.1:2379\""
        )));
    }
    Ok(endpoints)
}

fn endpoint(field: &str, word: &str, tls: bool) -> Result<String, ConfigError> {
    let malformed = |why: &str| {
        Err(ConfigError::Incomplete(format!(
            "{field} has the endpoint {:?}: {why}; write for example \"https://10.0.0.1:2379\"",
            without_secret(word)
        )))
    };
    let (scheme, rest) = match word.split_once("://") {
        Some((scheme, rest)) => (scheme.to_lowercase(), rest),
        None => (if tls { "https" } else { "http" }.to_owned(), word),
    };
    if scheme != "http" && scheme != "https" {
        return malformed("only http and https are supported");
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@', ' ']) {
        return malformed("it is more than a host and a port");
    }
    let Some((host, port)) = authority.rsplit_once(':').filter(|(host, _)| {
        // The colons of a bare IPv6 address are not the port's.
        !host.contains(':') || (host.starts_with('[') && host.ends_with(']'))
    }) else {
        return malformed("it has no port, or an IPv6 address without brackets");
    };
    if host.is_empty() || !port.parse::<u16>().is_ok_and(|port| port != 0) {
        return malformed("host or port is missing");
    }
    Ok(format!("{scheme}://{}:{port}", host.to_lowercase()))
}

/// `https://user:password@host` is refused, and not repeated.
fn without_secret(word: &str) -> String {
    match word.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => word.to_owned(),
    }
}
