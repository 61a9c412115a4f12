//! `install` and `upgrade`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use shared::log::{Level, Log, LogConfig};

use super::credentials::{Source, Trouble};
use super::round::Round;
use super::watch::Watch;
use super::{Environment, Lock, Root, files, receipt, signals};
use crate::args::Datastore;
use crate::args::VERSION;
use crate::args::install::{Install, Places as PlaceWords};
use crate::commands::Outcome;
use crate::commands::install::places::Places;
use crate::commands::install::settings::Told;
use crate::commands::install::step::Step;

/// For the sidecar, in seconds, of a call that does not stay.
const PATIENCE: u64 = 120;
/// For another installer that is about to end.
const TURN: Duration = Duration::from_secs(10);
/// Between two tries of what failed.
const AGAIN: Duration = Duration::from_secs(10);

/// `cnictl install`; `cnictl upgrade` if it is to be told only what is new.
pub async fn install(words: Install, store: &Datastore, env: &Environment, upgrade: bool) -> Outcome {
    match prepare(&words, store, env, upgrade) {
        Ok((round, source)) if words.watch => stay(round, source).await,
        Ok((round, source)) => once(round, source, words.places.dry_run).await,
        Err(error) => Outcome::failed(error),
    }
}

/// What flags say, by key.
pub(super) fn flags<'a>(places: &PlaceWords, store: &Datastore) -> BTreeMap<&'a str, String> {
    let told = [
        ("bin_dir", &places.bin_dir),
        ("conf_dir", &places.conf_dir),
        ("conf_name", &places.conf_name),
        ("kubeconfig_file", &places.kubeconfig_file),
        ("nodename_file", &places.nodename_file),
        ("protocols_file", &places.protocols_file),
        ("state_dir", &store.state_dir),
        ("run_dir", &store.run_dir),
        ("datastore_type", &store.datastore_type),
        ("etcd_endpoints", &store.etcd_endpoints),
        ("etcd_key_file", &store.etcd_key_file),
        ("etcd_cert_file", &store.etcd_cert_file),
        ("etcd_ca_cert_file", &store.etcd_ca_cert_file),
    ];
    told.into_iter()
        .filter_map(|(key, flag)| Some((key, flag.clone()?)))
        .collect()
}

fn all_flags<'a>(words: &Install, store: &Datastore) -> BTreeMap<&'a str, String> {
    let mut told = flags(&words.places, store);
    let more = [
        ("template", &words.template),
        ("nodename", &words.nodename),
        ("mtu", &words.mtu),
        ("log_level", &words.log_level),
        ("tls_from", &words.tls_from),
        ("api_server", &words.api_server),
        ("service_account_dir", &words.service_account_dir),
        ("token_for", &words.token_for),
        ("token_lifetime", &words.token_lifetime),
    ];
    told.extend(
        more.into_iter()
            .filter_map(|(key, flag)| Some((key, flag.clone()?))),
    );
    told.insert("plugin_dir", words.plugin_dir.join(","));
    for (key, set) in [("calico_names", words.calico_names), ("no_wait", words.no_wait)] {
        told.extend(set.then(|| (key, "true".to_owned())));
    }
    told
}

fn prepare(
    words: &Install,
    store: &Datastore,
    env: &Environment,
    upgrade: bool,
) -> Result<(Round, Source), String> {
    let root = Root(words.places.root.clone());
    let flags = all_flags(words, store);
    let mut told = Told::gather(&flags, env, &BTreeMap::new());
    let mut places = Places::of(&told)?;
    if upgrade {
        let before = receipt(&root, &places)?.ok_or_else(|| {
            format!(
                "nothing is installed here ({} does not exist): use `cnictl install`",
                places.receipt().display()
            )
        })?;
        told = Told::gather(&flags, env, &before.told);
        places = Places::of(&told)?;
    }
    let config = LogConfig {
        level: if words.watch { Level::Debug } else { Level::Info },
        ..LogConfig::default()
    };
    let source = Source::new(&told)?;
    let patience = words.timeout.or((!words.watch).then_some(PATIENCE));
    let round = Round {
        root,
        told,
        places,
        from: words.from.clone(),
        boot: words.boot_id_file.clone(),
        patience: patience.map(Duration::from_secs),
        log: Log::new(config, vec![("program", "cnictl".to_owned())]),
    };
    Ok((round, source))
}

/// The lock; another installer may be about to end.
pub(super) async fn turn(root: &Root, places: &Places, patience: Option<Duration>) -> Result<Lock, String> {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    loop {
        if let Some(lock) = files::lock(root, places)? {
            return Ok(lock);
        }
        if patience.is_some_and(|patience| waited >= patience) {
            return Err(format!(
                "another cnictl installs here, or stays to (lock {}): end it, or delete its DaemonSet, first",
                root.at(&places.lock()).display()
            ));
        }
        waited += PAUSE;
        tokio::time::sleep(PAUSE).await;
    }
}

fn lines(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{step}\n")).collect()
}

async fn once(round: Round, mut source: Source, dry: bool) -> Outcome {
    let lock = match dry {
        true => None,
        false => match turn(&round.root, &round.places, Some(TURN)).await {
            Ok(lock) => Some(lock),
            Err(error) => return Outcome::failed(error),
        },
    };
    let mut done = Vec::new();
    let plan = match dry {
        true => round.plan(&mut source).await,
        false => round.go(&mut source, &mut done).await,
    };
    let mut outcome = Outcome::default();
    match plan {
        Ok(plan) => {
            outcome.warnings = plan.warnings;
            outcome.warnings.extend(plan.has_token.then(|| ends(&source)));
            done.extend(plan.steps);
        }
        Err(Trouble::Wrong(error) | Trouble::Away(error)) => outcome.error = Some(error),
    }
    drop(lock);
    outcome.out = lines(&done);
    if outcome.error.is_none() {
        outcome.out += &match (dry, done.is_empty()) {
            (_, true) => format!("everything is as it should be: {VERSION}\n"),
            (true, false) => "nothing was done (--dry-run)\n".to_owned(),
            (false, false) => format!("installed: {VERSION}\n"),
        };
    }
    outcome
}

fn ends(source: &Source) -> String {
    match (source.is_the_pods(), source.good_for()) {
        (true, _) | (false, None) => {
            "the plugin's token ends with this pod's: --watch keeps it fresh".to_owned()
        }
        (false, Some(half)) => format!(
            "the plugin's token ends in {} minutes: --watch keeps it fresh",
            half.as_secs() * 2 / 60
        ),
    }
}

async fn stay(round: Round, source: Source) -> Outcome {
    let ended = tokio::select! {
        never = rounds(&round, source) => never,
        ended = signals::ended() => ended,
    };
    match ended {
        Ok(()) => Outcome::said("ended; what is installed stays\n"),
        Err(error) => Outcome::failed(error),
    }
}

async fn sole(round: &Round) -> Result<Lock, String> {
    if let Some(lock) = files::lock(&round.root, &round.places)? {
        return Ok(lock);
    }
    round
        .log
        .info("another cnictl installs here: waiting for its end", &[]);
    turn(&round.root, &round.places, None).await
}

/// Never ends by itself, but for what was wrong from the start.
async fn rounds(round: &Round, mut source: Source) -> Result<(), String> {
    let _lock = sole(round).await?;
    let template = round
        .told
        .get("template")
        .and_then(|file| Path::new(file).parent());
    let secrets = Path::new(round.told.text("tls_from"));
    let folders = template.into_iter().chain([secrets, source.folder()]);
    let mut watch = Watch::new(folders)?;
    let mut settled = false;
    loop {
        let mut done = Vec::new();
        let result = round.go(&mut source, &mut done).await;
        let pause = match result {
            Ok(plan) => {
                let fresh = plan.warnings.iter().filter(|_| !settled);
                fresh.for_each(|text| round.log.warning(text, &[]));
                let count = done.len().to_string();
                round
                    .log
                    .info("installed", &[("version", VERSION), ("steps", &count)]);
                settled = true;
                source.good_for()
            }
            Err(Trouble::Wrong(error)) if !settled => return Err(error),
            Err(Trouble::Wrong(error) | Trouble::Away(error)) => {
                round
                    .log
                    .error("what is installed stays as it is", &[("error", &error)]);
                Some(AGAIN)
            }
        };
        tokio::select! {
            () = watch.changed() => {}
            () = tokio::time::sleep(pause.unwrap_or(Duration::MAX)) => {}
        }
    }
}
