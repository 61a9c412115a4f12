//! `cnictl ipam check`: what contradicts what, with its proof and its fix; `--fix` makes it.
//!
//! | module | does |
//! |---|---|
//! | `summary` | the numbers, in calicoctl's words |
//! | `problems` | each problem, its proof and its fix |
//! | `fixing` | carries fixes out |
//! | `report` | calicoctl's report |

use std::collections::BTreeSet;
use std::path::PathBuf;

use shared::ipam::audit::around::Runtime;
use shared::ipam::audit::{Around, Finding, check, check_reads, fix, questions};
use shared::store::Datastore;
use shared::txn::Snapshot;

use super::{Birth, Outcome};
use crate::local;

pub mod fixing;
pub mod problems;
pub mod report;
mod summary;

/// What is asked.
#[derive(Debug, Default)]
pub struct Request {
    /// Print every address.
    pub all: bool,
    /// Print those of problems.
    pub problem_ips: bool,
    /// Where the report goes.
    pub output: Option<PathBuf>,
    /// Sandboxes of a node (of this one if it is not named).
    pub runtime: Option<(Option<String>, BTreeSet<String>)>,
    /// Of the API server that knows the cluster's pods.
    pub kubeconfig: Option<PathBuf>,
    /// Seconds.
    pub grace: u32,
    /// Seconds.
    pub settle: u32,
    /// IDs, kinds or `all`.
    pub fix: Vec<String>,
    /// Kinds and `all` are meant.
    pub yes: bool,
    /// Says which node this machine is.
    pub nodename_file: Option<PathBuf>,
    /// This machine's name as a node.
    pub here: Option<String>,
}

/// Sandbox IDs, one per line; what a truncated or headed list would hold is refused.
pub fn sandboxes(origin: &str, text: &str) -> Result<BTreeSet<String>, String> {
    let mut ids = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !line.bytes().all(is_id) {
            return Err(format!(
                "{origin}: {line:?} is no sandbox ID: give the output of `crictl pods -q --no-trunc`"
            ));
        }
        if line.len() == TRUNCATED && line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!(
                "{origin}: {line} is a shortened ID, which matches nothing: give --no-trunc to crictl"
            ));
        }
        ids.insert(line.to_owned());
    }
    Ok(ids)
}

/// What crictl shortens IDs to.
const TRUNCATED: usize = 13;

/// Checks, tells, and fixes what is asked for.
pub async fn run<S: Datastore>(store: &S, request: Request, birth: Birth) -> Outcome {
    match look(store, &request, birth).await {
        Ok(look) => tell(store, &request, look).await,
        Err(error) => Outcome::failed(error),
    }
}

/// Everything known after a check.
pub struct Look {
    /// At one revision.
    pub snapshot: Snapshot,
    /// And beside it.
    pub around: Around,
    /// What stands.
    pub findings: Vec<Finding>,
    /// What moved while it was looked at.
    moved: usize,
}

/// Reads and checks.
pub async fn look<S: Datastore>(store: &S, request: &Request, birth: Birth) -> Result<Look, String> {
    let text = |error: shared::store::StoreError| error.to_string();
    let mut around = around(request, birth)?;
    if let Some(kubeconfig) = &request.kubeconfig {
        around.pods = Some(local::pods(kubeconfig).await?);
    }
    // After the list of who is alive: what was allocated between the two is young.
    let snapshot = store.read(&check_reads()).await.map_err(text)?;
    let asked = questions(&snapshot, &around);
    if !asked.is_empty() {
        around.kernel = Some(local::kernel(&asked).await?);
    }
    let mut findings = check(&snapshot, &around);
    let all = findings.len();
    if all > 0 && request.settle > 0 {
        local::pause(request.settle).await;
        let fresh = store.read(&fix::proof(&findings)).await.map_err(text)?;
        findings.retain(|finding| fix::stands(finding, &fresh));
    }
    Ok(Look {
        snapshot,
        around,
        moved: all - findings.len(),
        findings,
    })
}

fn around(request: &Request, birth: Birth) -> Result<Around, String> {
    let runtime = request.runtime.clone().map(|(node, sandboxes)| {
        let node = node.or_else(|| request.here.clone()).ok_or(
            "of which node is the list? Give --node: neither MANX_NODENAME nor /var/lib/calico/nodename names this one",
        )?;
        Ok::<_, String>(Runtime { node, sandboxes })
    });
    Ok(Around {
        now: birth.now,
        grace: i64::from(request.grace),
        here: request.here.clone(),
        runtime: runtime.transpose()?,
        pods: None,
        kernel: None,
    })
}

async fn tell<S: Datastore>(store: &S, request: &Request, look: Look) -> Outcome {
    let mut outcome = Outcome::said(summary::text(&look, request.all, request.problem_ips));
    if look.moved > 0 {
        outcome.warnings.push(format!(
            "{} problems changed while they were looked at and are not counted: check again",
            look.moved
        ));
    }
    outcome.out.push_str(&problems::list(&look.findings));
    let found = look.findings.len();
    outcome
        .out
        .push_str(&format!("Check complete; found {found} problems.\n"));
    if let Some(path) = &request.output {
        outcome.files.push((path.clone(), report::text(&look)));
    }
    let mut left = found;
    if !request.fix.is_empty() {
        let fixed = fixing::run(store, look, &request.fix, request.yes).await;
        outcome.out.push_str(&fixed.text);
        left -= fixed.count;
        outcome.error = fixed.error;
    }
    if left > 0 && outcome.error.is_none() {
        outcome.error = Some(match request.fix.is_empty() {
            true => format!("{found} problems found"),
            false => format!("{left} of {found} problems are left"),
        });
    }
    outcome
}
