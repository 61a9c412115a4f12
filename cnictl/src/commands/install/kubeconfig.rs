//! The plugin's kubeconfig: one file with everything in it, so that a rename changes all of it at once.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::bytes::Bytes;

/// How the plugin reaches the API server.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its URL.
    pub server: String,
    /// Who signs its certificate (PEM); without it the system's authorities.
    pub authority: Option<Bytes>,
    /// Who we are to it.
    pub token: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a token for {}", self.server)
    }
}

/// The URL that a pod's environment gives.
///
/// # Errors
/// An environment that is none of a pod.
pub fn server(protocol: &str, host: &str, port: &str) -> Result<String, String> {
    if host.is_empty() || port.is_empty() {
        return Err(
            "there is a ServiceAccount's token, but KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not say \
             where the API server is: set them, or give --api-server"
                .to_owned(),
        );
    }
    Ok(match host.contains(':') && !host.starts_with('[') {
        true => format!("{protocol}://[{host}]:{port}"),
        false => format!("{protocol}://{host}:{port}"),
    })
}

/// The file.
pub fn text(credentials: &Credentials) -> Bytes {
    let Credentials {
        server,
        authority,
        token,
    } = credentials;
    // Text in JSON is text in YAML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let authority = authority.as_ref().map_or_else(String::new, |pem| {
        let encoded = BASE64_STANDARD.encode(pem.as_slice());
        format!("    certificate-authority-data: {encoded}\n")
    });
    format!(
        "# Of Manx's CNI plugin. Written by `cnictl install`, and anew whenever its token is.\n\
         apiVersion: v1\nkind: Config\ncurrent-context: manx\n\
         clusters:\n- name: local\n  cluster:\n    server: {}\n{authority}\
         users:\n- name: manx\n  user:\n    token: {}\n\
         contexts:\n- name: manx\n  context:\n    cluster: local\n    user: manx\n",
        quoted(server),
        quoted(token)
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_a_pod_becomes_a_url() {
        assert_eq!(
            server("https", "10.96.0.1", "443").unwrap(),
            "https://10.96.0.1:443"
        );
        assert_eq!(
            server("https", "fd00::1", "443").unwrap(),
            "https://[fd00::1]:443"
        );
        assert_eq!(
            server("https", "[fd00::1]", "6443").unwrap(),
            "https://[fd00::1]:6443"
        );
        assert!(server("https", "", "443").unwrap_err().contains("--api-server"));
    }

    #[test]
    fn whatever_is_in_a_token_it_stays_one_value_and_is_never_shown() {
        let credentials = Credentials {
            server: "https://a:1".to_owned(),
            authority: Some("ca".into()),
            token: "x\"\n- y: #".to_owned(),
        };
        let bytes = text(&credentials);
        let file: serde_json::Value = serde_saphyr::from_str(bytes.text().unwrap()).unwrap();
        assert_eq!(file["users"][0]["user"]["token"], "x\"\n- y: #");
        assert_eq!(
            file["clusters"][0]["cluster"]["certificate-authority-data"],
            "Y2E="
        );
        assert_eq!(file["contexts"][0]["context"]["user"], file["users"][0]["name"]);
        assert!(
            !format!("{credentials:?} {bytes:?}").contains('y'),
            "{credentials:?} {bytes:?}"
        );
    }
}
