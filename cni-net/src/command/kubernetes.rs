//! Asking the API server, where the configuration names one.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: measures what is left of the call's time"
)]

use std::time::Instant;

use shared::cni::{CniError, Code};
use shared::kubernetes::{self, Question};
use shared::model::meta::valid_name;

use super::{Call, Target};
use crate::config::Policy;
use crate::facts::Facts;
use crate::hostlocal;
use crate::names::Workload;

/// The share of an ADD's time that the API server may take: the rest is for the datastore, the kernel and the IPAM
/// plugin.
const SHARE: f64 = 0.6;

/// What Kubernetes says of the target; nothing, and no file opened, where it need not be asked.
pub(super) async fn facts(call: &Call, target: &Target<'_>) -> Result<Facts, CniError> {
    let Workload::Pod { namespace, name } = &target.workload else {
        return Ok(Facts::default());
    };
    let policy = call.config.policy == Policy::Kubernetes;
    let Some(access) = &call.config.kubernetes else {
        if policy {
            let text = "policy.type is \"k8s\", but nothing says where the API server is: no annotations, no labels \
                        of the pod; set kubernetes.kubeconfig";
            call.log.warning(text, &[]);
        }
        return Ok(Facts::default());
    };
    for (what, text) in [("K8S_POD_NAMESPACE", namespace), ("K8S_POD_NAME", name)] {
        if !valid_name(text) {
            let text = format!("CNI_ARGS {what}={text}: no name that Kubernetes gives (RFC 1123)");
            return Err(CniError::new(Code::InvalidEnvironment, text));
        }
    }
    let node = node_of(call)?;
    let question = Question {
        namespace: (policy || call.config.uses_calico_ipam()).then_some(namespace),
        pod: policy.then_some((namespace, name)),
        node: hostlocal::wants_pod_cidrs(&call.conf).then_some(&node),
    };
    if question == Question::default() {
        return Ok(Facts::default());
    }
    let left = call.deadline().saturating_duration_since(Instant::now());
    let answer = kubernetes::read(access, question, left.mul_f64(SHARE)).await;
    let answer = answer.map_err(|error| CniError::numbered(error.code(), error))?;
    let facts = Facts::of(&answer, &call.config)?;
    facts.ignored.iter().for_each(|text| call.log.warning(text, &[]));
    tell_another(call, target, &answer);
    Ok(facts)
}

/// The node's name in Kubernetes.
fn node_of(call: &Call) -> Result<String, CniError> {
    let given = call.conf.text("kubernetes.node_name")?;
    Ok(given.unwrap_or_else(|| call.node.clone()))
}

/// A pod may have been deleted and made anew under the same name while its ADD was on its way. As in Calico the newer
/// one's facts count, and its own ADD will take the older one's place; but it is told. A static pod's mirror always
/// has another uid.
fn tell_another(call: &Call, target: &Target<'_>, answer: &kubernetes::Facts) {
    const MIRROR: &str = "kubernetes.io/config.mirror";
    let asked = target.attachment.args.get("K8S_POD_UID").unwrap_or_default();
    let found = answer
        .pod
        .as_ref()
        .filter(|pod| pod.metadata.annotation(MIRROR).is_none());
    let found = found
        .and_then(|pod| pod.metadata.uid.as_deref())
        .unwrap_or_default();
    if !asked.is_empty() && !found.is_empty() && asked != found {
        call.log.warning(
            "the API server knows another pod of this name; its facts are used",
            &[("uid", found), ("wanted", asked)],
        );
    }
}
