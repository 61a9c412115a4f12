//! A cluster in one thread: sixteen hosts whose plugins are taken step by step, a runtime that kills and forgets, Calico
//! beside them, an operator who edits, and requests that arrive late. After every step [`truth`] is asked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use shared::ipam::audit::Kind;
use shared::ipam::{AssignRequest, Lease};
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::{Key, Prefix};
use shared::store::Datastore;
use shared::txn::{Entry, Reads, Revision, Txn};

use crate::scene::{Scene, ready};

mod calico;
pub(crate) mod call;
mod collector;
mod damage;
mod edit;
mod end;
mod life;
mod pod;
mod recall;
mod rules;
pub(crate) mod steps;
mod truth;

use calico::Calico;
use call::{Call, Progress, Verb};
use collector::Collector;
use pod::Pod;
use recall::Hints;
use steps::{Fate, Start, Step};

/// Hosts of the cluster.
pub(crate) const HOSTS: usize = 16;
/// Containers that come and go; the first hosts have more than one.
const PODS: usize = 28;

/// What is wrong, in words.
pub(crate) type Verdict = Result<(), String>;

/// A request that left and has not arrived.
struct Late {
    pod: Option<usize>,
    txn: Txn,
    made: Option<Made>,
}

/// What an allocation's Txn was decided from and gives.
#[derive(Clone)]
struct Made {
    request: AssignRequest,
    leases: Vec<Lease>,
    read_at: Revision,
}

pub(crate) struct World {
    pub(crate) scene: Scene,
    seconds: i64,
    calls: u32,
    pods: Vec<Pod>,
    collectors: Vec<Collector>,
    calico: Vec<Calico>,
    late: Vec<Late>,
    hints: Hints,
    /// What is wrong because of others, by kind and object, while it lasts.
    excused: BTreeSet<(Kind, Key)>,
    seen: Revision,
    held: truth::Held,
    /// Addresses that Calico gave to its own containers.
    kept: Vec<(String, std::net::IpAddr)>,
}

/// Who takes a step.
enum Who {
    Pod(usize),
    Collector(usize),
}

impl World {
    pub(crate) fn new(start: Start) -> Self {
        let mut world = Self {
            scene: edit::scene(),
            seconds: 0,
            calls: 0,
            pods: (0..PODS).map(Pod::new).collect(),
            collectors: Vec::new(),
            calico: Vec::new(),
            late: Vec::new(),
            hints: Hints::default(),
            excused: BTreeSet::new(),
            seen: Revision(0),
            held: truth::Held::new(),
            kept: Vec::new(),
        };
        match start {
            Start::Empty => {}
            Start::Inhabited => world.inhabit(),
            Start::TwoHosts => world.two_hosts(),
            Start::Wide => {
                world.inhabit();
                world.widen();
            }
        }
        world
    }

    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-22T16:12:47Z".parse().unwrap();
        Timestamp::from_second(start.as_second() + self.seconds).unwrap()
    }

    /// What is stored under a key.
    fn stored(&self, key: &Key) -> Option<Entry> {
        let snapshot = ready(self.scene.store.read(&Reads::new().key(key.clone()))).unwrap();
        snapshot.get(key).cloned()
    }

    /// The same as JSON, null if there is none.
    fn json(&self, key: &str) -> Value {
        let entry = self.stored(&Key::stored(key));
        entry
            .map(|entry| serde_json::from_slice(&entry.value).unwrap())
            .unwrap_or_default()
    }

    /// Every block.
    fn blocks(&self) -> Vec<Block> {
        let all = [Prefix::blocks(true), Prefix::blocks(false)];
        let reads = all.iter().cloned().fold(Reads::new(), Reads::prefix);
        let snapshot = ready(self.scene.store.read(&reads)).unwrap();
        let entries = all.iter().flat_map(|prefix| snapshot.under(prefix));
        entries
            .map(|(_, entry)| Block::from_bytes(&entry.value).unwrap())
            .collect()
    }

    fn busy(&self) -> Vec<Who> {
        let pods = (0..self.pods.len()).filter(|pod| self.pods[*pod].errand.is_some());
        let collectors = 0..self.collectors.len();
        pods.map(Who::Pod).chain(collectors.map(Who::Collector)).collect()
    }

    /// One of the calls that run takes a step.
    fn go_on(&mut self, who: u8, fault: call::Fault) -> Verdict {
        let busy = self.busy();
        match busy.get(usize::from(who) % busy.len().max(1)) {
            Some(Who::Pod(pod)) => self.go(*pod, fault),
            Some(Who::Collector(at)) => self.collect(*at, fault),
            None => Ok(()),
        }
    }

    fn kill_one(&mut self, who: u8, fate: Fate) -> Verdict {
        let running: Vec<usize> = (0..PODS).filter(|pod| self.pods[*pod].errand.is_some()).collect();
        let chosen = running.get(usize::from(who) % running.len().max(1));
        chosen.map_or(Ok(()), |pod| self.kill(*pod, fate))
    }

    fn arrive_one(&mut self, which: u8) -> Verdict {
        if self.late.is_empty() {
            return Ok(());
        }
        let late = self.late.remove(usize::from(which) % self.late.len());
        self.arrive(late)
    }

    /// One step, and what must hold after it.
    pub(crate) fn step(&mut self, step: &Step) -> Verdict {
        match step {
            Step::Go(who, fault) => self.go_on(*who, *fault),
            Step::Add(pod, wish) => {
                self.add(usize::from(*pod) % PODS, wish);
                Ok(())
            }
            Step::Del(pod, way) => {
                self.del(usize::from(*pod) % PODS, *way);
                Ok(())
            }
            Step::Kill(who, fate) => self.kill_one(*who, *fate),
            Step::Forget(pod) => self.forget(usize::from(*pod) % PODS),
            Step::Collect(host) => self.begin_collection(usize::from(*host) % HOSTS),
            Step::Arrive(which) => self.arrive_one(*which),
            Step::Tick(seconds) => {
                self.seconds += i64::from(*seconds);
                Ok(())
            }
            Step::Calico(host, begin) => {
                self.begin_calico(usize::from(*host) % HOSTS, *begin);
                return self.theirs();
            }
            Step::CalicoGo(who) => {
                let who = usize::from(*who) % self.calico.len().max(1);
                self.go_calico(who);
                return self.theirs();
            }
            Step::Damage(kind, host, at) => {
                self.damage(*kind, usize::from(*host), usize::from(*at));
                return self.theirs();
            }
            Step::Edit(edit) => {
                self.edit(*edit);
                return self.theirs();
            }
        }?;
        self.ours()
    }

    /// Takes one step of a call, and judges what it wrote.
    fn take(&mut self, call: &mut Call, pod: Option<usize>, fault: call::Fault) -> Result<Progress, String> {
        let made = call.made();
        let allowed = made.as_ref().map_or(Ok(()), |made| self.permitted(made));
        let seen = call
            .sending()
            .map_or(Ok(()), |(txn, seen)| self.has_seen(&txn, &seen));
        let before = self.scene.store.revision();
        let mut progress = call.step(fault);
        if self.scene.store.revision() != before {
            let described = made.as_ref().map_or(Ok(()), |made| self.described(made));
            allowed.and(seen).and(described)?;
        }
        if let Some(txn) = progress.late.take() {
            self.late.push(Late { pod, txn, made });
        }
        Ok(progress)
    }

    fn call(&self, verb: Verb) -> Call {
        let known = match &verb {
            Verb::Assign(request) => self.hints.recall(request),
            Verb::Release(_) | Verb::Fence(_) | Verb::Collect(_) => None,
        };
        Call::new(&self.scene.store, verb, known)
    }

    fn arrive(&mut self, late: Late) -> Verdict {
        let allowed = late.made.as_ref().map_or(Ok(()), |made| self.permitted(made));
        let before = self.scene.store.revision();
        ready(self.scene.store.commit(&late.txn)).unwrap();
        if self.scene.store.revision() == before {
            return Ok(());
        }
        allowed?;
        late.made.as_ref().map_or(Ok(()), |made| self.described(made))
    }

    fn kill(&mut self, pod: usize, fate: Fate) -> Verdict {
        let Some((errand, mut call)) = self.pods[pod].errand.take() else {
            return Ok(());
        };
        self.pods[pod].killed(errand);
        if !call.is_sending() {
            return Ok(());
        }
        match fate {
            Fate::Lost => Ok(()),
            Fate::Applied => self.take(&mut call, None, call::Fault::ReplyLost).map(|_| ()),
            Fate::Late => self
                .take(&mut call, Some(pod), call::Fault::RequestLate)
                .map(|_| ()),
        }
    }
}
