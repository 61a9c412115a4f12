//! What RBAC grants, as the API server decides it: every rule of the manifests, and which of them were needed.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::json::{list, text};
use crate::manifests::Manifests;

/// One verb on one resource, of one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// `NAMESPACE/NAME` of the ServiceAccount.
    account: String,
    /// Where alone it holds: a RoleBinding's.
    namespace: Option<String>,
    group: String,
    resource: String,
    verb: String,
    /// Of which objects alone.
    names: Vec<String>,
}

/// What somebody wants of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// get, list, watch, create …
    pub verb: String,
    /// With its subresource.
    pub resource: String,
    /// Of a namespaced object.
    pub namespace: Option<String>,
    /// Of one object; a list or watch has it from its field selector.
    pub name: Option<String>,
}

/// All grants, and the needed ones.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    grants: Vec<Grant>,
    needed: BTreeSet<Grant>,
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        let name = self.name.as_deref().unwrap_or_default();
        write!(f, "{} {} {namespace}/{name}", self.verb, self.resource)
    }
}

impl Rights {
    /// Those that roles and bindings of the manifests give to ServiceAccounts.
    pub fn of(all: &Manifests) -> Self {
        let mut grants = Vec::new();
        for binding in all.of("ClusterRoleBinding").chain(all.of("RoleBinding")) {
            let (kind, name) = (text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"));
            let own = text(binding, "/metadata/namespace");
            let role = all.get(kind, if kind == "Role" { own } else { "" }, name);
            for subject in list(binding, "/subjects") {
                let account = format!("{}/{}", text(subject, "/namespace"), text(subject, "/name"));
                let namespace = Some(own.to_owned()).filter(|own| !own.is_empty());
                for rule in list(role, "/rules") {
                    grants.extend(expand(&account, namespace.as_ref(), rule));
                }
            }
        }
        assert!(!grants.is_empty(), "no rule is granted to anybody");
        Self {
            grants,
            needed: BTreeSet::new(),
        }
    }

    /// Whether an account may have its wish; a grant that says yes was needed.
    pub fn allow(&mut self, account: &str, wish: &Wish) -> bool {
        let granted = self.grants.iter().find(|grant| grant.covers(account, wish));
        self.needed.extend(granted.cloned());
        granted.is_some()
    }

    /// The grants that nobody needed.
    pub fn idle(&self) -> Vec<String> {
        let idle = self.grants.iter().filter(|grant| !self.needed.contains(grant));
        idle.map(|grant| format!("{}: {} {}", grant.account, grant.verb, grant.resource))
            .collect()
    }
}

fn expand(account: &str, namespace: Option<&String>, rule: &Value) -> Vec<Grant> {
    let words = |field: &str| -> Vec<String> {
        let words = list(rule, field).iter().filter_map(Value::as_str);
        words.map(str::to_owned).collect()
    };
    let mut grants = Vec::new();
    for group in words("/apiGroups") {
        for resource in words("/resources") {
            for verb in words("/verbs") {
                assert!(
                    !["*", ""].contains(&verb.as_str()) && resource != "*",
                    "everything is too much: {rule}"
                );
                grants.push(Grant {
                    account: account.to_owned(),
                    namespace: namespace.cloned(),
                    group: group.clone(),
                    resource: resource.clone(),
                    verb,
                    names: words("/resourceNames"),
                });
            }
        }
    }
    grants
}

impl Grant {
    fn covers(&self, account: &str, wish: &Wish) -> bool {
        let there = self.namespace.is_none() || self.namespace == wish.namespace;
        let named = self.names.is_empty() || wish.name.as_ref().is_some_and(|name| self.names.contains(name));
        // Everything that is asked for here is of the core group.
        let what = self.group.is_empty() && self.resource == wish.resource && self.verb == wish.verb;
        self.account == account && there && named && what
    }
}

impl Wish {
    /// What a request of the core API wants.
    pub fn of(method: &str, path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = query.replace("%3D", "=");
        let parts: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
        let (namespace, rest) = match parts.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            all => (None, all),
        };
        let (resource, name) = match rest {
            [resource] => ((*resource).to_owned(), selected(&query)),
            [resource, name] => ((*resource).to_owned(), Some((*name).to_owned())),
            [resource, name, sub] => (format!("{resource}/{sub}"), Some((*name).to_owned())),
            _ => return None,
        };
        let whole = rest.len() == 1;
        let verb = match method {
            "GET" if whole && query.contains("watch=true") => "watch",
            "GET" if whole => "list",
            "GET" => "get",
            "POST" => "create",
            _ => return None,
        };
        Some(Self {
            verb: verb.to_owned(),
            resource,
            namespace: namespace.map(str::to_owned),
            name,
        })
    }
}

/// The one object that a list or a watch is about.
fn selected(query: &str) -> Option<String> {
    let fields = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("fieldSelector="));
    let mut names = fields.filter_map(|field| field.strip_prefix("metadata.name="));
    names.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(method: &str, path: &str) -> String {
        Wish::of(method, path).map_or_else(|| "nothing".to_owned(), |wish| wish.to_string())
    }

    #[test]
    fn a_request_is_read_as_the_api_server_reads_it() {
        for (method, path, wish) in [
            ("GET", "/api/v1/namespaces/default", "get namespaces /default"),
            (
                "GET",
                "/api/v1/namespaces/default/pods/web",
                "get pods default/web",
            ),
            (
                "POST",
                "/api/v1/namespaces/s/serviceaccounts/cni/token?",
                "create serviceaccounts/token s/cni",
            ),
            (
                "GET",
                "/api/v1/nodes?fieldSelector=metadata.name%3Dk1",
                "list nodes /k1",
            ),
            (
                "GET",
                "/api/v1/nodes?watch=true&fieldSelector=metadata.name%3Dk1",
                "watch nodes /k1",
            ),
            ("GET", "/api/v1/nodes?limit=1", "list nodes /"),
            ("DELETE", "/api/v1/nodes/k1", "nothing"),
            ("GET", "/healthz", "nothing"),
        ] {
            assert_eq!(said(method, path), wish, "{method} {path}");
        }
    }

    #[test]
    fn a_grant_holds_for_its_account_namespace_name_and_verb_alone() {
        let rule = serde_json::json!({"apiGroups": [""], "resources": ["serviceaccounts/token"],
            "resourceNames": ["cni"], "verbs": ["create"]});
        let mut rights = Rights {
            grants: expand("s/node", Some(&"s".to_owned()), &rule),
            needed: BTreeSet::new(),
        };
        let path = |namespace: &str, name: &str| {
            let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
            Wish::of("POST", &path).unwrap()
        };
        assert!(!rights.allow("s/other", &path("s", "cni")));
        assert!(!rights.allow("s/node", &path("t", "cni")));
        assert!(!rights.allow("s/node", &path("s", "default")));
        assert_eq!(rights.idle(), ["s/node: create serviceaccounts/token"]);
        assert!(rights.allow("s/node", &path("s", "cni")));
        assert_eq!(rights.idle(), [""; 0]);
    }
}
