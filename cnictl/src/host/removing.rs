//! `uninstall`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::installing::{flags, turn};
use super::{Environment, Root, look, node, place, receipt, signals};
use crate::args::Datastore;
use crate::args::install::Uninstall;
use crate::commands::Outcome;
use crate::commands::install::places::Places;
use crate::commands::install::remove::{Order, plan};
use crate::commands::install::settings::Told;
use crate::commands::install::step::Step;

/// `cnictl uninstall`.
pub async fn uninstall(words: Uninstall, store: &Datastore, env: &Environment) -> Outcome {
    let outcome = remove(&words, store, env).await;
    if words.stay && outcome.error.is_none() {
        return match signals::ended().await {
            Ok(()) => outcome,
            Err(error) => Outcome::failed(error),
        };
    }
    outcome
}

async fn remove(words: &Uninstall, store: &Datastore, env: &Environment) -> Outcome {
    let (root, steps) = match prepare(words, store, env).await {
        Ok(prepared) => prepared,
        Err(error) => return Outcome::failed(error),
    };
    let mut outcome = Outcome::default();
    for step in &steps {
        if !words.places.dry_run {
            let done = if *step == Step::RemoveRoutes {
                node::remove_routes().await.map(drop)
            } else {
                place::carry_out(&root, step)
            };
            if let Err(error) = done {
                outcome.error = Some(error);
                return outcome;
            }
        }
        outcome.out += &format!("{step}\n");
        if let Step::RemoveTree { but: Some(but), .. } = step {
            outcome.warnings.push(format!(
                "the embedded store stays in {}: --purge takes it away, with pools and all addresses",
                but.display()
            ));
        }
    }
    outcome.out += match words.places.dry_run {
        true => "nothing was done (--dry-run)\n",
        false => "uninstalled\n",
    };
    outcome
}

async fn prepare(
    words: &Uninstall,
    store: &Datastore,
    env: &Environment,
) -> Result<(Root, Vec<Step>), String> {
    const TURN: Duration = Duration::from_secs(5);
    let root = Root(words.places.root.clone());
    let flags = flags(&words.places, store);
    let told = Told::gather(&flags, env, &BTreeMap::new());
    let before = receipt(&root, &Places::of(&told)?)?;
    let told = match &before {
        Some(before) => Told::gather(&flags, env, &before.told),
        None => told,
    };
    let places = Places::of(&told)?;
    // The folder of the lock goes with the rest.
    if !words.places.dry_run {
        drop(turn(&root, &places, Some(TURN)).await?);
    }
    let order = Order {
        places: &places,
        receipt: before.as_ref(),
        force: words.force,
        purge: words.purge,
    };
    let seen = look::look(&root, &order.files(), &order.folders())?;
    let steps = plan(order, &seen, &node::look(&root, &places)?)?;
    Ok((root, steps))
}
