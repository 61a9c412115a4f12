//! `doctor`: facts from everywhere, one judgement.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::args::doctor::Doctor;
use crate::args::{Datastore, VERSION};
use crate::commands::{Birth, Outcome, doctor};
use crate::observe::{self, Places};
use crate::{datastore, local};

/// For everything that the datastore is asked.
const DEADLINE: Duration = Duration::from_secs(10);

/// A datastore that cannot be had is a finding, not the end.
pub(super) async fn examined(
    words: Doctor,
    flags: &Datastore,
    env: &BTreeMap<String, String>,
    birth: Birth,
) -> Outcome {
    let chosen = datastore::choose(flags, env);
    let opened = chosen.and_then(|chosen| Ok((chosen.open(DEADLINE, false)?, chosen)));
    let store = match &opened {
        Ok((store, chosen)) => Ok((store, chosen.etcd())),
        Err(why) => Err(why.clone()),
    };
    let node = words
        .node
        .or_else(|| local::node(env, words.nodename_file.as_deref(), true));
    let places = Places {
        networks: datastore::networks(flags, env),
        programs: words.cni_bin_dir,
        sidecar: words.sidecar_config,
        kubelet: words.kubelet_config,
        networkd: words.networkd_config,
        port: words.bgp_port,
    };
    let now = Duration::from_secs(u64::try_from(birth.now.as_second()).unwrap_or_default());
    let facts = observe::facts(&places, node.as_deref(), store, now, VERSION).await;
    doctor::run(&facts, words.output)
}
