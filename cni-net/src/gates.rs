//! What ADD waits for outside: readiness gates (plain HTTP) before it touches anything, Felix's word after.
//! Edge: it dials and waits (on tokio's clock).

use std::path::PathBuf;
use std::time::Duration;

use shared::cni::error::{CniError, Code};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A gate is asked this often …
const EVERY: Duration = Duration::from_secs(5);
/// … for this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How often Felix's file is looked for.
const FELIX_EVERY: Duration = Duration::from_millis(100);

/// One entry of `readiness_gates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    url: String,
    /// `host:port`, as the Host header and the dialler want it.
    authority: String,
    path: String,
}

impl Gate {
    /// An `http://` URL; https would need a certificate store and is refused.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                return Err("https is not supported here: give the component's http endpoint");
            }
            Some(_) | None => return Err("an http:// URL is wanted"),
        };
        let (host, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        if host.is_empty() || host.contains(|char: char| char.is_whitespace() || char == '@') {
            return Err("the URL names no host");
        }
        if path.contains(|char: char| char.is_whitespace() || char.is_control()) {
            return Err("the URL's path contains white space");
        }
        let has_port = host.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
        let authority = if has_port {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            url: url.to_owned(),
            authority,
            path: format!("{slash}{path}"),
        })
    }

    async fn ask(&self) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(&self.authority).await.map_err(failed)?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: cni-net\r\nConnection: close\r\n\r\n",
            self.path, self.authority
        );
        stream.write_all(request.as_bytes()).await.map_err(failed)?;
        let mut head = Vec::new();
        while head.len() < 12 {
            let mut some = [0_u8; 12];
            match stream.read(&mut some).await.map_err(failed)? {
                0 => break,
                count => head.extend_from_slice(some.get(..count).unwrap_or_default()),
            }
        }
        accepted(&String::from_utf8_lossy(&head))
    }

    async fn wait(&self) -> Result<(), CniError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = timeout(EVERY, self.ask())
                .await
                .unwrap_or_else(|_| Err("no answer".to_owned()));
            let Err(last) = answer else { return Ok(()) };
            if Instant::now() + EVERY > until {
                let text = format!(
                    "readiness gate {} is not ready after {} s: {last}",
                    self.url,
                    PATIENCE.as_secs()
                );
                return Err(CniError::new(Code::TryAgainLater, text));
            }
            sleep(EVERY).await;
        }
    }
}

/// 2xx and 3xx are ready.
fn accepted(head: &str) -> Result<(), String> {
    let status = head.split(' ').nth(1).unwrap_or_default();
    match (head.starts_with("HTTP/1."), status.as_bytes().first()) {
        (true, Some(b'2' | b'3')) => Ok(()),
        (true, Some(_)) => Err(format!("status {status}")),
        (true, None) | (false, _) => Err("not an HTTP answer".to_owned()),
    }
}

/// Waits until every gate is ready, one after the other.
pub(crate) async fn open(gates: &[Gate]) -> Result<(), CniError> {
    for gate in gates {
        gate.wait().await?;
    }
    Ok(())
}

/// The file by which Felix says that a pod's policy is programmed.
pub(crate) fn felix_file(directory: &std::path::Path, namespace: &str, pod: &str, endpoint: &str) -> PathBuf {
    directory.join(format!("k8s {namespace}%2F{pod} {endpoint}"))
}

/// Waits for Felix's file; false when the time is over.
pub(crate) async fn felix(file: PathBuf, patience: Duration) -> bool {
    let found = async {
        while !file.exists() {
            sleep(FELIX_EVERY).await;
        }
    };
    timeout(patience, found).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_a_plain_http_url() {
        for (url, authority, path) in [
            ("http://127.0.0.1:9099/readiness", "127.0.0.1:9099", "/readiness"),
            ("HTTP://felix", "felix:80", "/"),
            ("http://[fd00::1]?x=1", "[fd00::1]:80", "/?x=1"),
            ("http://[fd00::1]:81/", "[fd00::1]:81", "/"),
        ] {
            let gate = Gate::parse(url).unwrap();
            assert_eq!(
                (gate.authority.as_str(), gate.path.as_str()),
                (authority, path),
                "{url}"
            );
        }
        for url in [
            "https://felix/",
            "felix:9099",
            "ftp://felix",
            "http://",
            "http://a b/",
            "http://a/b c",
        ] {
            assert!(Gate::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_success_and_redirection_are_ready() {
        assert!(accepted("HTTP/1.1 204 ").is_ok());
        assert!(accepted("HTTP/1.0 302 ").is_ok());
        for head in ["HTTP/1.1 503 ", "HTTP/1.1 40", "SSH-2.0-x", "", "HTTP/1.1"] {
            assert!(accepted(head).is_err(), "{head:?}");
        }
    }

    #[test]
    fn felix_names_the_pod_with_an_escaped_slash() {
        let file = felix_file(std::path::Path::new("/run/x"), "default", "nginx", "eth0");
        assert_eq!(file, PathBuf::from("/run/x/k8s default%2Fnginx eth0"));
    }
}
