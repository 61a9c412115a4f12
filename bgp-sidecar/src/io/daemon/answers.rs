//! Questions of `cnictl`, Prometheus and whoever wants to know whether this node can be routed to.

use std::collections::BTreeMap;

use shared::log::Log;

use super::Daemon;
use super::start::now;
use crate::calls::Tally;
use crate::io::cli::VERSION;
use crate::io::http::{Asked, Http};
use crate::settings::Settings;
use crate::shown::{self, Datastore, Facts, Ipam, Since, Spool};
use crate::wire::Family;

/// What is known before anything happened.
pub(super) fn facts(node: &str) -> Facts {
    Facts {
        node: node.to_owned(),
        version: VERSION.to_owned(),
        now: now(),
        started: now(),
        since: Since::default(),
        picture: None,
        datastore: Datastore::default(),
        spool: Spool::default(),
        restored: 0,
        ipam: Ipam::default(),
        used: BTreeMap::new(),
        calls: Tally::default(),
        pools: BTreeMap::new(),
    }
}

/// The doors. Routes matter more than metrics: one that cannot be opened is told and done without.
pub(super) fn open(settings: &Settings, log: &Log) -> Option<Http> {
    match Http::open(&settings.run_dir, settings.metrics_address) {
        Ok(http) => Some(http),
        Err(error) => {
            log.error("status and metrics cannot be served", &[("error", &error)]);
            Http::open(&settings.run_dir, None).ok()
        }
    }
}

/// The next question; never one where no door is open.
pub(super) async fn next(http: &mut Option<Http>) -> Asked {
    match http {
        Some(http) => http.next().await,
        None => std::future::pending().await,
    }
}

fn word(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn known(numbers: [(&'static str, Option<u64>); 2]) -> BTreeMap<&'static str, u64> {
    let known = numbers.into_iter();
    known
        .filter_map(|(family, number)| Some((family, number?)))
        .collect()
}

impl Daemon {
    pub(super) fn answer(&mut self, asked: Asked) {
        self.facts.now = now();
        self.facts.picture.clone_from(&self.picture);
        // A quiet datastore is one that answers, too.
        self.facts.datastore.heard = self.facts.datastore.heard.max(self.heart.heard());
        self.facts.ipam = self.ipam();
        self.facts.used = match &self.picture {
            Some(picture) => self.cluster.used(&picture.origin.own),
            None => BTreeMap::new(),
        };
        self.facts.spool = self.debts.known();
        self.facts.restored = self.mender.mended();
        self.facts.pools = self.counter.known();
        self.facts.calls = self.calls.tally().clone();
        let response = shown::answer(&asked.question, &self.speaker, &self.facts);
        asked.answer(response);
    }

    /// Since when peers are as they are.
    pub(super) fn note(&mut self) {
        let changes = self.speaker.changes();
        if let Some(picture) = &self.picture
            && std::mem::replace(&mut self.noted, changes) != changes
        {
            self.facts.since.note(picture, &self.speaker, now());
        }
    }

    fn ipam(&self) -> Ipam {
        let Some(picture) = &self.picture else {
            return Ipam::default();
        };
        let origin = &picture.origin;
        let count = |number: usize| u64::try_from(number).ok();
        let inside = |address: &&std::net::IpAddr| {
            let blocks = &picture.own;
            blocks.block(ipnet::IpNet::from(**address)).is_some()
        };
        let home = origin.own.iter().filter(inside).count();
        let blocks = |family| {
            origin
                .blocks
                .iter()
                .filter(move |block| Family::of_net(**block) == family)
        };
        let blocks = Family::ALL.map(|family| (word(family), count(blocks(family).count())));
        let limits = Family::ALL.map(|family| (word(family), self.cluster.block_limit(family)));
        Ipam {
            blocks: known(blocks),
            block_limit: known(limits),
            addresses_used: count(origin.own.len()),
            borrowed_in: count(origin.own.len() - home),
            borrowed_out: count(origin.lent.len()),
        }
    }
}
