//! What the network configuration says of the API server: Calico's fields. Pure.
//!
//! | field | meaning |
//! |---|---|
//! | `kubernetes.kubeconfig` | the file; everything else is read from it |
//! | `kubernetes.k8s_api_root`, else `policy.k8s_api_root` | the server instead of the file's (what follows `/api/` is cut off) |
//! | `policy.k8s_certificate_authority` | file: the authority instead of the file's |
//! | `policy.k8s_client_certificate`, `policy.k8s_client_key` | files: the client instead of the file's |
//! | `policy.k8s_auth_token` | the token instead of the file's |

use std::fmt;
use std::path::PathBuf;

use crate::cni::{CniError, Code, NetConf};

/// How the API server is reached.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// The server's URL.
    pub server: Option<String>,
    /// The file of the authority that signs its certificate (PEM).
    pub certificate_authority: Option<PathBuf>,
    /// The client's certificate (PEM).
    pub client_certificate: Option<PathBuf>,
    /// The client's private key (PEM).
    pub client_key: Option<PathBuf>,
    /// The client's bearer token.
    pub token: Option<String>,
    /// The file of one that is renewed there; it is read whenever the server is asked.
    pub token_file: Option<PathBuf>,
    /// Who asks.
    pub asker: Asker,
}

/// Who asks: where a person finds the setting that an error is about, and who tries again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asker {
    /// A plugin, or somebody in its place.
    #[default]
    Plugin,
    /// The sidecar, about its own node.
    Sidecar,
}

impl Asker {
    /// The setting of the kubeconfig.
    pub(super) fn kubeconfig(self) -> &'static str {
        match self {
            Asker::Plugin => "kubernetes.kubeconfig",
            Asker::Sidecar => "kubeconfig",
        }
    }

    /// The way out where a token file cannot be used.
    pub(super) fn token_file(self) -> &'static str {
        match self {
            Asker::Plugin => "mount the ServiceAccount's token there",
            Asker::Sidecar => {
                "let the pod's ServiceAccount be mounted there (automountServiceAccountToken), or set kubeconfig, or \
                 service_account_dir none to ask no API server"
            }
        }
    }

    /// The setting of the node's name.
    pub(super) fn node_name(self) -> &'static str {
        match self {
            Asker::Plugin => "kubernetes.node_name",
            Asker::Sidecar => "kubernetes_node",
        }
    }

    /// What its user has to be allowed.
    pub(super) fn needs(self) -> &'static str {
        match self {
            Asker::Plugin => "get pods and namespaces",
            Asker::Sidecar => "get, list and watch this node",
        }
    }

    /// What happens after a failure.
    pub(super) fn again(self) -> &'static str {
        match self {
            Asker::Plugin => "the runtime tries again",
            Asker::Sidecar => "it is tried again",
        }
    }
}

impl Access {
    /// What the configuration says; `None` where it names neither a kubeconfig nor a server.
    ///
    /// # Errors
    /// A field of the wrong type, or credentials for a server that nothing names.
    pub fn of(conf: &NetConf) -> Result<Option<Self>, CniError> {
        let path = |field: &str| Ok::<_, CniError>(conf.text(field)?.map(PathBuf::from));
        let root = conf.text("kubernetes.k8s_api_root")?;
        let policy_root = conf.text("policy.k8s_api_root")?;
        let access = Self {
            kubeconfig: path("kubernetes.kubeconfig")?,
            server: root.or(policy_root).map(|root| without_tail(&root)),
            certificate_authority: path("policy.k8s_certificate_authority")?,
            client_certificate: path("policy.k8s_client_certificate")?,
            client_key: path("policy.k8s_client_key")?,
            token: conf.text("policy.k8s_auth_token")?,
            token_file: None,
            asker: Asker::Plugin,
        };
        if access.kubeconfig.is_some() || access.server.is_some() {
            return Ok(Some(access));
        }
        match access.pointless() {
            None => Ok(None),
            Some(field) => Err(CniError::new(
                Code::KubernetesConfig,
                format!(
                    "{field} is set, but nothing says where the API server is: set kubernetes.kubeconfig, or \
                     kubernetes.k8s_api_root"
                ),
            )),
        }
    }

    fn pointless(&self) -> Option<&'static str> {
        [
            (
                self.certificate_authority.is_some(),
                "policy.k8s_certificate_authority",
            ),
            (self.client_certificate.is_some(), "policy.k8s_client_certificate"),
            (self.client_key.is_some(), "policy.k8s_client_key"),
            (self.token.is_some(), "policy.k8s_auth_token"),
        ]
        .into_iter()
        .find_map(|(set, field)| set.then_some(field))
    }
}

/// Earlier configurations gave `https://host:port/api/v1/`.
fn without_tail(root: &str) -> String {
    root.split("/api/").next().unwrap_or_default().to_owned()
}

impl fmt::Debug for Access {
    /// Everything but the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("kubeconfig", &self.kubeconfig)
            .field("server", &self.server)
            .field("certificate_authority", &self.certificate_authority)
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("token_file", &self.token_file)
            .field("asker", &self.asker)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(fields: Value) -> Result<Option<Access>, CniError> {
        let mut whole = json!({"cniVersion": "1.0.0", "name": "net", "type": "cni-net"});
        for (field, value) in fields.as_object().unwrap() {
            whole[field] = value.clone();
        }
        Access::of(&NetConf::parse(whole.to_string().as_bytes())?)
    }

    #[test]
    fn without_a_kubeconfig_or_a_server_there_is_no_access() {
        for none in [
            json!({}),
            json!({"kubernetes": null, "policy": {"type": "k8s"}}),
            json!({"kubernetes": {"kubeconfig": "", "k8s_api_root": "", "node_name": "n"}, "policy": {"k8s_auth_token": ""}}),
        ] {
            assert_eq!(of(none.clone()).unwrap(), None, "{none}");
        }
    }

    #[test]
    fn calicos_fields_overrule_the_kubeconfig() {
        let access = of(json!({
            "kubernetes": {"kubeconfig": "/k"},
            "policy": {"k8s_api_root": "https://10.0.0.1:6443/api/v1/", "k8s_auth_token": "secret",
                       "k8s_client_certificate": "/c", "k8s_client_key": "/p", "k8s_certificate_authority": "/a"}
        }));
        let access = access.unwrap().unwrap();
        assert_eq!(access.server.as_deref(), Some("https://10.0.0.1:6443"));
        assert_eq!(access.kubeconfig, Some("/k".into()));
        assert_eq!(access.client_key, Some("/p".into()));
        assert_eq!(access.token.as_deref(), Some("secret"));
        assert!(!format!("{access:?}").contains("secret"));
        let both =
            json!({"kubernetes": {"k8s_api_root": "http://a:1"}, "policy": {"k8s_api_root": "http://b:1"}});
        assert_eq!(of(both).unwrap().unwrap().server.as_deref(), Some("http://a:1"));
    }

    #[test]
    fn credentials_for_nobody_are_named_and_a_token_is_never_shown() {
        for field in [
            "k8s_auth_token",
            "k8s_client_key",
            "k8s_client_certificate",
            "k8s_certificate_authority",
        ] {
            let error = of(json!({"policy": {field: "x"}})).unwrap_err();
            assert_eq!(error.code, Code::KubernetesConfig);
            assert!(
                error.msg.contains(field) && error.msg.contains("kubernetes.kubeconfig"),
                "{error}"
            );
        }
        let error = of(json!({"policy": {"k8s_auth_token": 4711}})).unwrap_err();
        assert!(!error.msg.contains("4711"), "{error}");
    }
}
