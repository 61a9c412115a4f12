//! What `uninstall` takes away: what the receipt names, what the plugins and the sidecar keep, and nothing of others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::places::Places;
use super::receipt::Receipt;
use super::seen::{Seen, There};
use super::step::{Step, unfinished};
use super::wanted::PROGRAMS;

/// What is known of this node, beside its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Containers that still have an interface of ours.
    pub pods: Vec<String>,
    /// Releases that wait for the datastore.
    pub spooled: usize,
    /// Which process is the sidecar, if one runs.
    pub sidecar: Option<String>,
    /// Whether the file with the node's name lies alone in its folder: no Calico is here.
    pub name_alone: bool,
}

/// What it goes by.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Where things lie.
    pub places: &'a Places,
    /// What was installed; without it what has a name of its own goes.
    pub receipt: Option<&'a Receipt>,
    /// Despite pods and releases.
    pub force: bool,
    /// The embedded store, too.
    pub purge: bool,
}

impl Order<'_> {
    /// Every file that the plan depends on.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = self.installed();
        files.insert(self.places.nodename.clone());
        files.extend(files.clone().iter().map(|path| unfinished(path)));
        let kept = self.receipt.iter().flat_map(|receipt| receipt.kept.values());
        files.extend(kept.cloned());
        files
    }

    /// Every folder that it depends on.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        let Places {
            state_dir, run_dir, ..
        } = self.places;
        let folders = self.receipt.iter().flat_map(|receipt| receipt.folders.iter());
        let nodename = self.places.nodename.parent().map(Path::to_owned);
        let own = [self.data(), state_dir.clone(), run_dir.clone()];
        folders.cloned().chain(own).chain(nodename).collect()
    }

    fn data(&self) -> PathBuf {
        self.places.state_dir.join("data")
    }

    fn installed(&self) -> BTreeSet<PathBuf> {
        if let Some(receipt) = self.receipt {
            return receipt.files.clone();
        }
        let Places {
            bin_dir,
            conflist,
            kubeconfig,
            protocols,
            ..
        } = self.places;
        let programs = PROGRAMS.iter().map(|name| bin_dir.join(name));
        programs
            .chain([conflist, kubeconfig, protocols].map(PathBuf::clone))
            .collect()
    }
}

/// The steps, in their order: the conflist, so that no pod starts any more, the rest, the routes, the folders.
///
/// # Errors
/// What would lose something: running pods, releases that wait, a running sidecar.
pub fn plan(order: Order<'_>, seen: &Seen, node: &Node) -> Result<Vec<Step>, String> {
    if let Some(why) = refusal(node).filter(|_| !order.force) {
        return Err(why);
    }
    let Places {
        conflist, nodename, ..
    } = order.places;
    let mut files = order.installed();
    files.remove(conflist);
    files.remove(nodename);
    let mut steps = Vec::new();
    steps.extend(gone(order, conflist, seen));
    steps.extend(files.iter().filter_map(|path| gone(order, path, seen)));
    if node.name_alone {
        steps.extend(gone(order, nodename, seen));
    }
    steps.push(Step::RemoveRoutes);
    steps.extend(folders(order, seen, node));
    Ok(steps)
}

fn refusal(node: &Node) -> Option<String> {
    if let Some(process) = &node.sidecar {
        return Some(format!(
            "bgp-sidecar ({process}) still runs: `bgp-sidecar --withdraw` ends it and its routes, or delete its \
             DaemonSet; then uninstall again"
        ));
    }
    if let [first, ..] = node.pods.as_slice() {
        return Some(format!(
            "{} of this node's containers still use this network, such as {first}: drain the node first, or their \
             deletion fails; --force does not mind",
            node.pods.len()
        ));
    }
    (node.spooled > 0).then(|| {
        format!(
            "{} releases of addresses wait for the datastore: run bgp-sidecar until they are made, or leave them to \
             `cnictl node decommission`, with --force",
            node.spooled
        )
    })
}

/// How one of our files goes. A name that something of others has meanwhile is theirs.
fn gone(order: Order<'_>, path: &Path, seen: &Seen) -> Option<Step> {
    let there = seen.at(path);
    let kept = order.receipt.and_then(|receipt| receipt.kept.get(path));
    let is_program = |path: &Path| {
        PROGRAMS
            .iter()
            .any(|name| path.file_name() == Some(name.as_ref()))
    };
    let is_link = path.parent() == Some(&order.places.bin_dir) && !is_program(path);
    if is_link && !matches!(there, There::Link(to) if is_program(to)) {
        return None;
    }
    let path = path.to_owned();
    match kept {
        Some(aside) if seen.has(aside) => Some(Step::PutBack {
            path,
            aside: aside.clone(),
        }),
        Some(_) | None => {
            let any = *there != There::Nothing || seen.has(&unfinished(&path));
            any.then_some(Step::Remove { path })
        }
    }
}

/// The plugins' own folders, and those that an installation has made.
fn folders(order: Order<'_>, seen: &Seen, node: &Node) -> Vec<Step> {
    let Places {
        state_dir,
        run_dir,
        nodename,
        ..
    } = order.places;
    let but = (seen.has(&order.data()) && !order.purge).then(|| order.data());
    let trees = [(run_dir, None), (state_dir, but.clone())];
    let trees = trees.into_iter().filter(|(path, _)| seen.has(path));
    let trees = trees.map(|(path, but)| Step::RemoveTree {
        path: path.clone(),
        but,
    });
    let mut made: BTreeSet<PathBuf> = order
        .receipt
        .iter()
        .flat_map(|receipt| receipt.folders.clone())
        .collect();
    // The sidecar may have made it before.
    made.extend(
        nodename
            .parent()
            .filter(|path| node.name_alone && path.ends_with("lib/calico"))
            .map(Path::to_owned),
    );
    made.retain(|path| seen.has(path) && !path.starts_with(state_dir));
    if but.is_some() {
        made.retain(|path| !state_dir.starts_with(path));
    }
    let made = made.into_iter().rev().map(|path| Step::RemoveDir { path });
    trees.chain(made).collect()
}

#[cfg(test)]
mod tests;
