//! Once through: gather, look, plan, carry out.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads what the sidecar and the kernel say of this boot"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::log::Log;

use super::credentials::{Source, Trouble};
use super::{Root, gather, look, place, receipt};
use crate::args::VERSION;
use crate::commands::install::conflist;
use crate::commands::install::places::Places;
use crate::commands::install::plan::{Order, plan};
use crate::commands::install::settings::Told;
use crate::commands::install::step::Step;
use crate::commands::install::wanted::wanted;

/// Between two looks at what the sidecar has written.
const PAUSE: Duration = Duration::from_millis(250);
/// Between two lines of the log about it.
const WORD: u32 = 240;

/// What a round needs to know.
pub(super) struct Round {
    pub(super) root: Root,
    pub(super) told: Told,
    pub(super) places: Places,
    pub(super) from: Option<PathBuf>,
    pub(super) boot: PathBuf,
    /// For the sidecar; `None` is as long as it takes.
    pub(super) patience: Option<Duration>,
    pub(super) log: Log,
}

/// A plan, and what a person should know of it.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) warnings: Vec<String>,
    /// Whether a token of the plugin's is part of it.
    pub(super) has_token: bool,
}

impl Round {
    /// What is to be done now.
    pub(super) async fn plan(&self, source: &mut Source) -> Result<Plan, Trouble> {
        let credentials = source.now(&self.told, &self.log).await?;
        let about = (&self.told, &self.places);
        let found = gather::gather(&self.root, about, self.from.as_deref(), credentials)?;
        let before = receipt(&self.root, &self.places)?;
        let wanted = wanted(&self.told, &self.places, &found)?;
        let order = Order {
            told: &self.told,
            places: &self.places,
            wanted: &wanted,
            before: before.as_ref(),
            program: VERSION,
        };
        let seen = look::look(&self.root, &order.files(), &order.folders())?;
        let steps = plan(order, &seen)?;
        let warnings = conflist::overtaken(&found.configurations, &self.places.conflist);
        Ok(Plan {
            steps,
            warnings: warnings.into_iter().collect(),
            has_token: found.credentials.is_some(),
        })
    }

    /// Plans, and carries the steps out; each is in `done` once it is. After a time of waiting there is a new plan: what
    /// the old one was made from may have changed meanwhile.
    pub(super) async fn go(&self, source: &mut Source, done: &mut Vec<Step>) -> Result<Plan, Trouble> {
        loop {
            let mut plan = self.plan(source).await?;
            let mut waited = false;
            for step in std::mem::take(&mut plan.steps) {
                if let Step::Await { ready } = &step {
                    waited = self.wait(&self.root.at(ready)).await?;
                } else {
                    place::carry_out(&self.root, &step)?;
                }
                self.log.debug(&step.to_string(), &[]);
                done.push(step);
                if waited {
                    break;
                }
            }
            if !waited {
                return Ok(plan);
            }
        }
    }

    /// Until the sidecar has said in this boot that it is ready; whether it had not yet.
    async fn wait(&self, ready: &Path) -> Result<bool, String> {
        let mut looked: u32 = 0;
        let waited = |looked: u32| PAUSE * looked;
        while !is_ready(ready, &self.boot)? {
            if self.patience.is_some_and(|patience| waited(looked) >= patience) {
                return Err(format!(
                    "bgp-sidecar is not ready after {} s ({} is not of this boot): everything is installed but the \
                     conflist, so that no pod is started without routes. Start it, see its log, and install again; \
                     --no-wait does without it",
                    waited(looked).as_secs(),
                    ready.display()
                ));
            }
            if looked.is_multiple_of(WORD) {
                let path = ready.display().to_string();
                self.log.info("waiting for bgp-sidecar", &[("file", &path)]);
            }
            looked = looked.saturating_add(1);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(looked > 0)
    }
}

fn is_ready(ready: &Path, boot: &Path) -> Result<bool, String> {
    let boot_id = std::fs::read_to_string(boot).map_err(|error| format!("{}: {error}", boot.display()))?;
    // Not there, or half a word of a sidecar that is being killed: not yet.
    let said = std::fs::read_to_string(ready).unwrap_or_default();
    Ok(said.trim() == boot_id.trim())
}
