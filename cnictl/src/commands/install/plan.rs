//! From what is to lie where to the steps that are missing. What is as it should be is not touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::places::Places;
use super::receipt::Receipt;
use super::seen::{Seen, There};
use super::settings::Told;
use super::step::Step;
use super::wanted::{PROGRAMS, Target, Wanted};

/// What an installation goes by.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What it is told.
    pub told: &'a Told,
    /// Where things lie.
    pub places: &'a Places,
    /// What it is to come to.
    pub wanted: &'a Wanted,
    /// What was installed before.
    pub before: Option<&'a Receipt>,
    /// Name, version and commit of this program.
    pub program: &'a str,
}

impl Order<'_> {
    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.wanted.targets.iter().chain([&self.wanted.conflist])
    }

    /// Plugins that lie where the runtime finds them without our doing: a package has them now.
    fn packaged(&self) -> BTreeSet<PathBuf> {
        let wanted: BTreeSet<&PathBuf> = self.targets().map(Target::path).collect();
        let programs = PROGRAMS.iter().map(|name| self.places.bin_dir.join(name));
        programs.filter(|path| !wanted.contains(path)).collect()
    }

    /// Every file that the plan depends on.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let targets = self.targets().map(Target::path);
        let mut files: BTreeSet<PathBuf> = targets.cloned().chain([self.places.receipt()]).collect();
        if let Some(before) = self.before {
            files.extend(before.files.iter().chain(before.kept.values()).cloned());
        }
        files
    }

    /// Every folder that the plan depends on.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        let before = self
            .before
            .iter()
            .flat_map(|before| before.folders.iter().cloned());
        self.files()
            .iter()
            .flat_map(|path| above(path))
            .chain(before)
            .collect()
    }
}

/// The folders around a path; not the root.
fn above(path: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = path
        .ancestors()
        .skip(1)
        .filter(|folder| folder.parent().is_some());
    folders.map(Path::to_owned)
}

/// The steps, in their order: folders, the receipt, what a plugin needs, the plugins, and when the sidecar is ready the
/// conflist; then what was installed before and is not wanted any more goes.
///
/// # Errors
/// Something lies in the way.
pub fn plan(order: Order<'_>, seen: &Seen) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let missing = missing_folders(order, seen)?;
    let mut receipt = receipt(order, seen, &missing);
    // What says what was made comes before what is made, but for its own folder.
    let (own, other): (Vec<_>, Vec<_>) = missing
        .into_iter()
        .partition(|folder| order.places.state_dir.starts_with(folder));
    steps.extend(own.into_iter().map(|path| make(order, path)));
    put(&mut steps, &receipt_file(order, &receipt), seen)?;
    steps.extend(other.into_iter().map(|path| make(order, path)));
    for target in &order.wanted.targets {
        put(&mut steps, target, seen)?;
    }
    let before = steps.len();
    put(&mut steps, &order.wanted.conflist, seen)?;
    if steps.len() > before && !order.told.flag("no_wait") {
        let ready = order.places.ready();
        steps.insert(before, Step::Await { ready });
    }
    let stale = stale(order, seen);
    if !stale.is_empty() {
        stale.iter().for_each(|step| receipt.forget(step));
        steps.extend(stale);
        put(&mut steps, &receipt_file(order, &receipt), seen)?;
    }
    Ok(steps)
}

fn make(order: Order<'_>, path: PathBuf) -> Step {
    let certificates = path.parent() == Some(&order.places.conf_dir);
    let mode = match certificates || path == order.places.state_dir {
        true => 0o700,
        false => 0o755,
    };
    Step::MakeDir { path, mode }
}

/// The steps that are missing for a target.
fn put(steps: &mut Vec<Step>, target: &Target, seen: &Seen) -> Result<(), String> {
    let there = seen.at(target.path());
    if matches!(there, There::Directory | There::Other) {
        let path = target.path().display();
        return Err(format!(
            "{path} is no file: move it away, or have another place used"
        ));
    }
    match target {
        Target::File { path, bytes, mode } => {
            let same = matches!(there, There::File { sum, mode: now } if *sum == bytes.sum() && now == mode);
            if !same {
                let (path, bytes, mode) = (path.clone(), bytes.clone(), *mode);
                steps.push(Step::Put { path, bytes, mode });
            }
        }
        Target::Link { path, to, .. } => {
            if let Some(aside) = others(target, seen) {
                let path = path.clone();
                steps.push(Step::Keep { path, aside });
            }
            if *there != There::Link(to.clone()) {
                let (path, to) = (path.clone(), to.clone());
                steps.push(Step::Link { path, to });
            }
        }
    }
    Ok(())
}

/// The second name for what has the name of a link of ours, if something else has it that is to be kept.
fn others(target: &Target, seen: &Seen) -> Option<PathBuf> {
    let Target::Link { path, to, keep: true } = target else {
        return None;
    };
    let there = seen.at(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{name}.before-manx"));
    (*there != There::Nothing && *there != There::Link(to.clone())).then_some(aside)
}

/// From the outermost to the innermost.
fn missing_folders(order: Order<'_>, seen: &Seen) -> Result<Vec<PathBuf>, String> {
    let receipt = order.places.receipt();
    let paths = order.targets().map(Target::path).chain([&receipt]);
    let folders: BTreeSet<PathBuf> = paths.flat_map(|path| above(path)).collect();
    let mut missing = Vec::new();
    for folder in folders {
        match seen.at(&folder) {
            There::Nothing => missing.push(folder),
            There::Directory => {}
            There::File { .. } | There::Link(_) | There::Other => {
                return Err(format!("{} is no folder: move it away", folder.display()));
            }
        }
    }
    Ok(missing)
}

/// What the receipt says before anything is done: of what was there before, too, until it is gone.
fn receipt(order: Order<'_>, seen: &Seen, missing: &[PathBuf]) -> Receipt {
    let kept = |target: &Target| Some((target.path().clone(), others(target, seen)?));
    let mut receipt = Receipt {
        program: order.program.to_owned(),
        told: order.told.all().clone(),
        files: order.targets().map(Target::path).cloned().collect(),
        folders: missing
            .iter()
            .filter(|folder| **folder != order.places.state_dir)
            .cloned()
            .collect(),
        kept: order.targets().filter_map(kept).collect(),
    };
    if let Some(before) = order.before {
        let packaged = order.packaged();
        let still = |path: &&PathBuf| seen.has(path) && !packaged.contains(*path);
        receipt.files.extend(before.files.iter().filter(still).cloned());
        receipt
            .folders
            .extend(before.folders.iter().filter(still).cloned());
        let still = before.kept.iter().filter(|(_, aside)| seen.has(aside));
        receipt
            .kept
            .extend(still.map(|(path, aside)| (path.clone(), aside.clone())));
    }
    receipt
}

fn receipt_file(order: Order<'_>, receipt: &Receipt) -> Target {
    Target::File {
        path: order.places.receipt(),
        bytes: receipt.bytes(),
        mode: 0o600,
    }
}

/// What was installed before and is not wanted any more.
fn stale(order: Order<'_>, seen: &Seen) -> Vec<Step> {
    let Some(before) = order.before else {
        return Vec::new();
    };
    let receipt = order.places.receipt();
    let wanted: BTreeSet<&PathBuf> = order.targets().map(Target::path).chain([&receipt]).collect();
    let packaged = order.packaged();
    let ours = |path: &&PathBuf| !wanted.contains(path) && !packaged.contains(*path) && seen.has(path);
    let files = before.files.iter().filter(ours);
    let folders = before.folders.iter().rev();
    let folders =
        folders.filter(|folder| seen.has(folder) && !wanted.iter().any(|path| path.starts_with(folder)));
    let files = files.map(|path| match before.kept.get(path) {
        Some(aside) if seen.has(aside) => Step::PutBack {
            path: path.clone(),
            aside: aside.clone(),
        },
        Some(_) | None => Step::Remove { path: path.clone() },
    });
    files
        .chain(folders.map(|path| Step::RemoveDir { path: path.clone() }))
        .collect()
}

#[cfg(test)]
mod tests;
