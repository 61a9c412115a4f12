//! The questions, side by side, and what a refusal means.

use kube::core::Request;
use kube::core::params::GetParams;
use serde::de::DeserializeOwned;

use super::access::Asker;
use super::connect::Server;
use super::{Facts, KubernetesError, Namespace, Node, Pod, Question};

/// Asks for whatever is in the question.
pub(super) async fn facts(server: &Server, question: Question<'_>) -> Result<Facts, KubernetesError> {
    let namespace = async {
        let Some(name) = question.namespace else {
            return Ok(None);
        };
        let what = format!("namespace {name}");
        get::<Namespace>(server, ("/api/v1/namespaces", name), &what).await
    };
    let pod = async {
        let Some((namespace, name)) = question.pod else {
            return Ok(None);
        };
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        get::<Pod>(server, (&path, name), &format!("pod {namespace}/{name}")).await
    };
    let node = async {
        let Some(name) = question.node else {
            return Ok(None);
        };
        get::<Node>(server, ("/api/v1/nodes", name), &format!("node {name}")).await
    };
    let (namespace, pod, node) = tokio::try_join!(namespace, pod, node)?;
    Ok(Facts { namespace, pod, node })
}

async fn get<T: DeserializeOwned>(
    server: &Server,
    (path, name): (&str, &str),
    what: &str,
) -> Result<Option<T>, KubernetesError> {
    let request = Request::new(path).get(name, &GetParams::default());
    let request = request.map_err(|error| KubernetesError::Missing(format!("{what}: {error}")))?;
    let answer = server.client.request(request).await;
    answer.map(Some).map_err(|error| failure(server, what, &error))
}

/// What a failed request means for who must act.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else the client may say is about a connection"
)]
pub(super) fn failure(server: &Server, what: &str, error: &kube::Error) -> KubernetesError {
    let (url, source) = (&server.url, &server.source);
    match error {
        kube::Error::Api(status) => refusal(server, what, status),
        kube::Error::Auth(_) | kube::Error::InferKubeconfig(_) => {
            KubernetesError::Config(format!("{source}: {}", chain(error)))
        }
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => KubernetesError::Answer(format!(
            "{url} answered for {what} with something that is none ({}): see whether it is an API server's URL",
            chain(error)
        )),
        _ => {
            let why = chain(error);
            if why.contains("invalid peer certificate") {
                return KubernetesError::Config(format!(
                    "{source}: the certificate of {url} does not hold ({why}); correct certificate-authority or server"
                ));
            }
            KubernetesError::Away(format!(
                "{what} cannot be read from the API server {url} ({why}): see whether it is up and reachable from this \
                 node; {}",
                server.asker.again()
            ))
        }
    }
}

fn refusal(server: &Server, what: &str, status: &kube::core::Status) -> KubernetesError {
    let (url, source, said) = (&server.url, &server.source, cut(&status.message));
    let resource = what.split(' ').next().unwrap_or_default();
    let (resource, verb) = match (resource.strip_suffix('s'), server.asker) {
        (Some(one), Asker::Plugin) => (one, "list"),
        (one, Asker::Sidecar) => (one.unwrap_or(resource), "get\", \"list\", \"watch"),
        (None, Asker::Plugin) => (resource, "get"),
    };
    let node = format!("give its name in Kubernetes as {}", server.asker.node_name());
    let node = node.as_str();
    match status.code {
        401 => KubernetesError::Refused(format!(
            "the API server {url} does not know the user of {source} ({said}): renew the token or certificate there"
        )),
        403 => KubernetesError::Refused(format!(
            "the user of {source} may not read {what} at {url} ({said}): bind it to a ClusterRole with the rule \
             apiGroups [\"\"], resources [\"{resource}s\"], verbs [\"{verb}\"]"
        )),
        404 if status.reason == "NotFound" => KubernetesError::Missing(format!(
            "{what} does not exist at {url}: {}",
            match resource {
                "pod" =>
                    "it was deleted meanwhile, or it is a static pod whose mirror pod is not there yet; a runtime \
                     tries again as long as the pod is wanted",
                "node" => node,
                _ => "it was deleted meanwhile, or this is another cluster's API server",
            }
        )),
        408 | 429 | 500..=599 => KubernetesError::Away(format!(
            "the API server {url} cannot answer for {what} now ({}: {said}); {}",
            status.code,
            server.asker.again()
        )),
        code => KubernetesError::Answer(format!(
            "{url} answered {code} for {what} ({said}): see whether it is an API server's URL"
        )),
    }
}

/// An error with its causes, each told once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|told| told.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    cut(&texts.join(": "))
}

/// A page of HTML is no message.
fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() > LONGEST {
        true => line.chars().take(LONGEST).chain(['…']).collect(),
        false => line,
    }
}
