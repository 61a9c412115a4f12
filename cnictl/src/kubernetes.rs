//! Edge: what the API server says of pods, namespaces and nodes, when a kubeconfig is given.

use std::path::Path;
use std::time::Duration;

use shared::kubernetes::{Access, Facts, KubernetesError, Metadata, Question, read};

use crate::commands::ipam_explain::Pod;
use crate::commands::ipam_explain::sources::ANNOTATIONS;

/// For all questions of one call.
const PATIENCE: Duration = Duration::from_secs(5);

async fn ask(kubeconfig: &Path, question: Question<'_>) -> Result<Facts, KubernetesError> {
    let access = Access {
        kubeconfig: Some(kubeconfig.to_owned()),
        ..Access::default()
    };
    read(&access, question, PATIENCE).await
}

/// Completes what is known of a pod; what the command line says of it stands. Answers what is not there: a pod may
/// be yet to come.
pub async fn complete(pod: &mut Pod, kubeconfig: &Path) -> Result<Option<String>, String> {
    let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
    let namespace = namespace.as_deref().ok_or("--kubeconfig needs --namespace")?;
    let whole = Question {
        namespace: Some(namespace),
        pod: name.as_deref().map(|name| (namespace, name)),
        node: None,
    };
    let (facts, missing) = match ask(kubeconfig, whole).await {
        Err(KubernetesError::Missing(text)) if whole.pod.is_some() => {
            let without = Question { pod: None, ..whole };
            (ask(kubeconfig, without).await, Some(text))
        }
        answer => (answer, None),
    };
    let facts = facts.map_err(|error| error.to_string())?;
    if let Some(found) = &facts.namespace {
        let labels = || found.metadata.labels();
        pod.namespace_labels.get_or_insert_with(labels);
        annotated(&mut pod.namespace_annotations, &found.metadata);
    }
    if let Some(found) = &facts.pod {
        annotated(&mut pod.annotations, &found.metadata);
    }
    Ok(missing.map(|text| format!("{text}; only its namespace is looked at")))
}

fn annotated(known: &mut std::collections::BTreeMap<String, String>, metadata: &Metadata) {
    for key in ANNOTATIONS {
        if let Some(value) = metadata.annotation(key) {
            known.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
}

/// Whether the cluster has no such node any more.
pub async fn is_gone(node: &str, kubeconfig: &Path) -> Result<bool, String> {
    let question = Question {
        node: Some(node),
        ..Question::default()
    };
    match ask(kubeconfig, question).await {
        Ok(_) => Ok(false),
        Err(KubernetesError::Missing(_)) => Ok(true),
        Err(error) => Err(error.to_string()),
    }
}
