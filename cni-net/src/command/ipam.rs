//! The IPAM plugin as this plugin calls it.
#![expect(clippy::disallowed_methods, reason = "edge: times the child's undoing")]

use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cni_ipam::Inside;
use serde_json::Value;
use shared::cni::delegate::{Delegate, Running};
use shared::cni::timeouts::TIME_LEFT;
use shared::cni::{AddResult, Args, Attachment, CniError, Code, Env};

use super::allocator::Allocator;
use super::{Call, Target, leftover};
use crate::hostlocal;

/// The plugin that can be a part of this process.
const OURS: &str = "cni-ipam";
/// The name under which the installer puts a link to it.
const CALICOS: &str = "calico-ipam";
/// What undoing an ADD may take beyond its own time.
const UNDO: Duration = Duration::from_secs(4);
/// What `cni-ipam` must leave of a DEL's time for its own last steps and ours.
const REST: Duration = Duration::from_millis(300);

/// What `cni-ipam` has to keep a release for later, however late the DEL is when it comes to wait for it: that needs no
/// datastore, and four seconds of a DEL and this are less than the five in which it answers.
const KEEP: Duration = Duration::from_millis(800);

/// Tells `cni-ipam` which of a container's addresses a DEL is about.
const ONLY: &str = "MANX_RELEASE_ONLY";

/// The attachment as the child sees it: Calico's arguments never fail for an unknown key. The reference plugins
/// refuse an empty pair, so there is no `;` without something behind it.
fn attachment_of(target: &Target<'_>, address: Option<IpAddr>) -> Attachment {
    let raw = target.attachment.args.raw().trim_matches(';');
    let pairs: Vec<&str> = ["IgnoreUnknown=1", raw]
        .into_iter()
        .filter(|pair| !pair.is_empty())
        .collect();
    let mut args = Args::parse(&pairs.join(";")).unwrap_or_default();
    if let Some(address) = address {
        args = args.with(&format!("IP={address}"));
    }
    Attachment {
        args,
        ..target.attachment.clone()
    }
}

/// Until when a DEL waits.
fn patience(deadline: Instant, now: Instant) -> Instant {
    deadline.max(now + KEEP)
}

impl Call {
    /// Finds the plugin before anything is touched.
    pub(super) fn find_ipam(&self, path: &[PathBuf]) -> Result<PathBuf, CniError> {
        Delegate::find(path, &self.config.ipam)
    }

    /// Starts our own plugin before it is needed: it gets ready while this one works, and touches nothing until
    /// [`Running::release`]. `None` where that cannot be done; then it is started when it is needed.
    pub(super) fn hold_ipam(&self, command: &str, target: &Target<'_>) -> Option<Running> {
        let path = &target.attachment.path;
        let binary = self.find_ipam(path).ok()?;
        let attachment = attachment_of(target, None);
        let env = self.env_within(self.deadline());
        Delegate::hold(&binary, command, Some(&attachment), path, &env)
    }

    /// Whether ADD and DEL of the plugin are a part of this process: where it is ours, and not asked to be a program. Ours is
    /// also what the installer's link leads to.
    pub(super) fn allocates_inside(&self, path: &[PathBuf]) -> bool {
        let is_link_to_ours = || {
            let found = self.find_ipam(path).and_then(|link| {
                let to = std::fs::read_link(link);
                to.map_err(|error| CniError::new(Code::IoFailure, error.to_string()))
            });
            found.is_ok_and(|to| to.file_name() == Some(OURS.as_ref()))
        };
        let ours = self.config.ipam == OURS || self.config.ipam == CALICOS && is_link_to_ours();
        ours && !self.config.exec_ipam
    }

    /// Our own plugin, inside.
    fn inside(
        &self,
        verb: &'static str,
        attachment: Attachment,
        stdin: &[u8],
    ) -> Result<Rc<Inside>, CniError> {
        let env = self.env_within(self.deadline());
        let inside = Rc::new(Inside::begin(verb, env, attachment, stdin, &self.store)?);
        self.inside.replace(Some(Rc::clone(&inside)));
        Ok(inside)
    }

    /// Starts its ADD, for this address if there is one.
    pub(super) fn start_ipam(
        &self,
        target: &Target<'_>,
        stdin: &[u8],
        address: Option<IpAddr>,
    ) -> Result<Allocator<AddResult>, CniError> {
        let attachment = attachment_of(target, address);
        if self.allocates_inside(&target.attachment.path) {
            return Ok(Allocator::add(self.inside("ADD", attachment, stdin)?));
        }
        let path = &target.attachment.path;
        let binary = self.find_ipam(path)?;
        let env = self.env_within(self.deadline());
        let started = Delegate::start(&binary, "ADD", Some(&attachment), path, &env, stdin.to_vec());
        Ok(Allocator::Process(started?))
    }

    /// Starts its DEL, which has what is left of this call's time; the one that is held, if it can be had.
    pub(super) fn start_release(
        &self,
        target: &Target<'_>,
        held: Option<Running>,
    ) -> Result<Allocator<()>, CniError> {
        if self.allocates_inside(&target.attachment.path) {
            let stdin = hostlocal::stdin(&self.conf, &self.node, None)?;
            let inside = self.inside("DEL", attachment_of(target, None), &stdin)?;
            return Ok(Allocator::del(inside));
        }
        Ok(Allocator::Process(match held {
            Some(mut running) => running.release().map(|()| running)?,
            None => self.start("DEL", target, self.env_within(self.deadline()))?,
        }))
    }

    /// Starts its DEL, held, where it is a process.
    pub(super) fn hold_release(&self, target: &Target<'_>) -> Option<Running> {
        if self.allocates_inside(&target.attachment.path) {
            return None;
        }
        let mut running = self.hold_ipam("DEL", target)?;
        let stdin = hostlocal::stdin(&self.conf, &self.node, None).ok()?;
        running.tell(stdin).ok()?;
        Some(running)
    }

    /// Waits for the DEL that was started.
    pub(super) async fn released(&self, allocator: Allocator<()>) -> Result<(), CniError> {
        allocator
            .released(patience(self.deadline(), Instant::now()))
            .await
    }

    /// Its DEL after an ADD that failed, perhaps because the time was over. With `only`, `cni-ipam` frees these of
    /// the container's addresses and keeps the others.
    pub(super) fn take_back(&self, target: &Target<'_>, only: &[IpAddr]) -> Result<(), CniError> {
        let deadline = Instant::now() + UNDO;
        let mut env = self.env_within(deadline);
        if !only.is_empty() {
            let list: Vec<String> = only.iter().map(IpAddr::to_string).collect();
            env.0.insert(ONLY.to_owned(), list.join(","));
        }
        self.start("DEL", target, env)?.wait(deadline).map(|_| ())
    }

    /// Its DEL for the container that had the pod before: an address that the pod asks for by name is free again only
    /// when that one has given it back.
    pub(super) fn release_older(&self, target: &Target<'_>, older: (String, String)) -> Result<(), CniError> {
        let (container_id, ifname) = older;
        let mut attachment = attachment_of(target, None);
        attachment.container_id = container_id;
        attachment.ifname = ifname;
        attachment.netns = None;
        let path = &target.attachment.path;
        let binary = self.find_ipam(path)?;
        let stdin = hostlocal::stdin(&self.conf, &self.node, None)?;
        let env = self.env_within(self.deadline());
        Delegate::start(&binary, "DEL", Some(&attachment), path, &env, stdin)?
            .wait(self.deadline())
            .map(|_| ())
    }

    /// Its CHECK.
    pub(super) fn check_ipam(&self, target: &Target<'_>) -> Result<(), CniError> {
        let deadline = self.deadline();
        let running = self.start("CHECK", target, self.env_within(deadline))?;
        running.wait(deadline).map(|_| ())
    }

    fn start(&self, command: &str, target: &Target<'_>, env: Env) -> Result<Running, CniError> {
        let path = &target.attachment.path;
        let binary = self.find_ipam(path)?;
        let stdin = hostlocal::stdin(&self.conf, &self.node, None)?;
        let attachment = attachment_of(target, None);
        Delegate::start(&binary, command, Some(&attachment), path, &env, stdin)
    }

    /// Its GC, which reads the same list of valid attachments; what these containers hold stays too.
    pub(super) fn gc_ipam(&self, path: &[PathBuf], kept: &[String]) -> Result<Value, CniError> {
        let binary = self.find_ipam(path)?;
        let stdin = hostlocal::stdin(&self.conf, &self.node, None)?;
        let stdin = leftover::listed(stdin, kept);
        let deadline = self.deadline();
        let env = self.env_within(deadline);
        Delegate::start(&binary, "GC", None, path, &env, stdin)?.wait(deadline)
    }

    /// The environment, with the time that `cni-ipam` has: it must undo an ADD, spool a DEL, and
    /// say why a CHECK or a GC fails, before it is killed.
    fn env_within(&self, deadline: Instant) -> Env {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(REST);
        let mut env = self.env.clone();
        env.0.insert(TIME_LEFT.to_owned(), left.as_millis().to_string());
        env
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_del_that_is_late_leaves_its_child_the_time_to_keep_the_release() {
        let now = Instant::now();
        let left = |millis: u64| patience(now + Duration::from_millis(millis), now) - now;
        assert_eq!(left(2000), Duration::from_millis(2000));
        assert_eq!(left(20), KEEP);
        assert_eq!(patience(now, now + KEEP) - now, KEEP * 2, "its time is over");
        assert!(Duration::from_secs(4) + KEEP < Duration::from_secs(5));
    }
}
