//! A machine in memory, for tests: steps change it, and a plan is made from what it shows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bytes::Bytes;
use super::places::Places;
use super::plan::{Order, plan};
use super::receipt::Receipt;
use super::seen::{Seen, There};
use super::settings::Told;
use super::step::Step;
use super::wanted::{Found, wanted};

#[derive(Clone, Debug, PartialEq)]
enum Thing {
    File(Bytes, u32),
    Link(PathBuf),
    Folder,
}

/// What lies where.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Machine(BTreeMap<PathBuf, Thing>);

impl Machine {
    /// One with the folders that every machine has.
    pub(super) fn new() -> Self {
        let mut machine = Self::default();
        for folder in [
            "/etc",
            "/opt",
            "/var",
            "/var/lib",
            "/run",
            "/etc/iproute2",
            "/etc/iproute2/rt_protos.d",
        ] {
            machine.0.insert(folder.into(), Thing::Folder);
        }
        machine
    }

    /// Puts a file there, as somebody else.
    pub(super) fn others(&mut self, path: &str, text: &str) {
        let path = PathBuf::from(path);
        for folder in path
            .ancestors()
            .skip(1)
            .filter(|folder| folder.parent().is_some())
        {
            self.0.insert(folder.to_owned(), Thing::Folder);
        }
        self.0.insert(path, Thing::File(text.into(), 0o755));
    }

    /// What a step does.
    pub(super) fn apply(&mut self, step: &Step) {
        match step.clone() {
            Step::MakeDir { path, .. } => drop(self.0.insert(path, Thing::Folder)),
            Step::Put { path, bytes, mode } => drop(self.0.insert(path, Thing::File(bytes, mode))),
            Step::Link { path, to } => drop(self.0.insert(path, Thing::Link(to))),
            Step::Keep { path, aside } => {
                let thing = self.0[&path].clone();
                self.0.insert(aside, thing);
            }
            Step::PutBack { path, aside } => {
                if let Some(thing) = self.0.remove(&aside) {
                    self.0.insert(path, thing);
                }
            }
            Step::Remove { path } => drop(self.0.remove(&path)),
            Step::RemoveDir { path } => {
                if !self
                    .0
                    .keys()
                    .any(|other| *other != path && other.starts_with(&path))
                {
                    self.0.remove(&path);
                }
            }
            Step::RemoveTree { path, but } => self.0.retain(|other, _| {
                let stays = but
                    .as_ref()
                    .is_some_and(|but| other.starts_with(but) || but.starts_with(other));
                stays || !other.starts_with(&path)
            }),
            Step::Await { .. } | Step::RemoveRoutes => {}
        }
    }

    /// All of it, as a plan sees it.
    pub(super) fn seen(&self) -> Seen {
        let there = |thing: &Thing| match thing {
            Thing::File(bytes, mode) => There::File {
                sum: bytes.sum(),
                mode: *mode,
            },
            Thing::Link(to) => There::Link(to.clone()),
            Thing::Folder => There::Directory,
        };
        self.0
            .iter()
            .map(|(path, thing)| (path.clone(), there(thing)))
            .collect()
    }

    /// The text of a file, links followed.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let path = Path::new(path);
        let folder = path.parent()?;
        let real = match self.0.get(folder) {
            Some(Thing::Link(to)) => folder.parent()?.join(to).join(path.file_name()?),
            _ => path.to_owned(),
        };
        match self.0.get(&real)? {
            Thing::File(bytes, _) => bytes.text().map(str::to_owned),
            Thing::Link(to) => self.text(&real.with_file_name(to).display().to_string()),
            Thing::Folder => None,
        }
    }

    /// Files and links that an installation has put here.
    pub(super) fn ours(&self) -> impl Iterator<Item = &PathBuf> {
        let others = |path: &Path| {
            let text = path.to_string_lossy();
            ["install.json", "calico", "results"]
                .iter()
                .any(|word| text.contains(word))
        };
        let file = |thing: &Thing| *thing != Thing::Folder;
        self.0
            .iter()
            .filter(move |(path, thing)| file(thing) && !others(path))
            .map(|(path, _)| path)
    }

    /// What an installation has left here.
    pub(super) fn receipt(&self) -> Option<Receipt> {
        let text = self.text("/var/lib/cni/manx/install.json")?;
        Some(Receipt::parse(Path::new("receipt"), &text).unwrap())
    }

    /// The steps of an installation here.
    pub(super) fn plan(&self, told: &Told, found: &Found) -> Result<Vec<Step>, String> {
        let places = Places::of(told)?;
        let wanted = wanted(told, &places, found)?;
        let before = self.receipt();
        let order = Order {
            told,
            places: &places,
            wanted: &wanted,
            before: before.as_ref(),
            program: "test",
        };
        plan(order, &self.seen())
    }

    /// The same, carried out.
    pub(super) fn install(&mut self, told: &Told, found: &Found) -> Vec<Step> {
        let steps = self.plan(told, found).unwrap();
        steps.iter().for_each(|step| self.apply(step));
        steps
    }
}

/// What is told by these flags.
pub(super) fn told(flags: &[(&'static str, &str)]) -> Told {
    let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned()));
    Told::gather(&flags.collect(), &BTreeMap::new(), &BTreeMap::new())
}

/// New plugins of this version, on a node n1 that has Debian's plugins as well.
pub(super) fn found(version: &str) -> Found {
    let program = |name: &str| (name.to_owned(), Bytes::from(format!("{name} {version}")));
    Found {
        programs: ["cni-net", "cni-ipam"].map(program).into(),
        nodename: "n1".to_owned(),
        plugins: ["portmap", "bandwidth"].map(str::to_owned).into(),
        ..Found::default()
    }
}

/// Certificates of this year.
pub(super) fn certified(mut found: Found, year: &str) -> Found {
    let file = |name: &str| (name.to_owned(), Bytes::from(format!("{name} {year}")));
    found.tls = ["etcd-ca", "etcd-cert", "etcd-key"].map(file).into();
    found
}
