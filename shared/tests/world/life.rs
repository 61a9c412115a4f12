//! A container's life under a runtime: ADD, DEL now or by the spool, the retry after a failure, and oblivion.

use std::net::IpAddr;

use ipnet::IpNet;
use shared::ipam::fence::FenceRequest;
use shared::ipam::{AssignRequest, ReleaseRequest};
use shared::store::Transacted;

use super::call::{Fault, Outcome, Verb};
use super::pod::{Errand, File, Phase};
use super::steps::{Way, Wish};
use super::{Verdict, World, edit};
use crate::scene::wanted;

impl World {
    pub(super) fn add(&mut self, pod: usize, wish: &Wish) {
        let here = &self.pods[pod];
        let wish = match here.phase {
            _ if here.errand.is_some() => None,
            Phase::Gone | Phase::Up => Some(wish.clone()),
            // A runtime may try a killed ADD again, and asks for the same.
            Phase::Unsure => here.wish.clone(),
            Phase::Adding | Phase::Lost => None,
        };
        let Some(wish) = wish else { return };
        self.pods[pod].tried_again |= self.pods[pod].phase == Phase::Unsure;
        let request = self.request(pod, &wish);
        self.pods[pod].next = Some(request);
        self.pods[pod].wish = Some(wish);
        if self.pods[pod].owed.is_some() {
            self.replay(pod);
        } else {
            self.again(pod);
        }
    }

    /// An ADD of what has a file already first fences off whatever was sent for it.
    fn again(&mut self, pod: usize) {
        match self.pods[pod].file.clone() {
            Some(file) if !file.blocks.is_empty() => {
                let fence = self.fence(pod, file.blocks);
                self.start(pod, Errand::FenceAdd, fence);
            }
            _ => self.next(pod),
        }
    }

    fn next(&mut self, pod: usize) {
        if let Some(request) = self.pods[pod].next.take() {
            self.pods[pod].phase = Phase::Adding;
            self.pods[pod].in_doubt = false;
            self.start(pod, Errand::Add, Verb::Assign(Box::new(request)));
        }
    }

    fn start(&mut self, pod: usize, errand: Errand, verb: Verb) {
        self.pods[pod].touched = true;
        self.pods[pod].errand = Some((errand, self.call(verb)));
    }

    fn request(&mut self, pod: usize, wish: &Wish) -> AssignRequest {
        self.calls += 1;
        let host = format!("n{}", self.pods[pod].host);
        let request = AssignRequest {
            handle: self.pods[pod].handle(),
            now: self.now(),
            hint_blocks: self.hints.blocks(&host),
            roomy: self.hints.roomy(&host),
            after: self.hints.after(&host),
            ..wanted(&host, self.calls)
        };
        let specific = |addresses: Vec<IpAddr>| AssignRequest {
            specific: addresses,
            ..request.clone()
        };
        match wish {
            Wish::V4 => request,
            Wish::V6 => AssignRequest {
                want_v4: false,
                want_v6: true,
                ..request
            },
            Wish::Dual => AssignRequest {
                want_v6: true,
                ..request
            },
            Wish::Pool(which) => AssignRequest {
                pools_v4: vec![edit::v4_pool(*which).to_owned()],
                ..request
            },
            Wish::Specific(which) => specific(vec![edit::v4_address(*which)]),
            Wish::SpecificV6(which) => specific(vec![edit::v6_address(*which), edit::v4_address(*which)]),
        }
    }

    /// DEL, or, for one that is gone already, the replay of what it owes.
    pub(super) fn del(&mut self, pod: usize, way: Way) {
        let here = &mut self.pods[pod];
        if here.errand.is_some() || here.phase == Phase::Lost {
            return;
        }
        here.wish = None;
        match (here.phase, way) {
            (Phase::Gone, _) if here.owed.is_some() => self.replay(pod),
            (_, Way::Spooled) if here.phase != Phase::Gone => {
                here.touched = true;
                here.owed = Some(here.file.clone().unwrap_or_default());
                here.is_gone();
            }
            (_, _) => {
                here.phase = Phase::Unsure;
                here.told.clear();
                let verb = self.departure(pod);
                self.start(pod, Errand::Look, verb);
            }
        }
    }

    fn departure(&self, pod: usize) -> Verb {
        let file = self.pods[pod].file.as_ref();
        Verb::Release(ReleaseRequest {
            hint_blocks: file.map(|file| file.blocks.clone()).unwrap_or_default(),
            ..self.all_of(pod)
        })
    }

    fn fence(&self, pod: usize, blocks: Vec<IpNet>) -> Verb {
        Verb::Fence(FenceRequest {
            host: format!("n{}", self.pods[pod].host),
            blocks,
            uid: format!("uid-{pod}"),
            kubernetes: false,
            now: self.now(),
        })
    }

    fn all_of(&self, pod: usize) -> ReleaseRequest {
        ReleaseRequest {
            host: format!("n{}", self.pods[pod].host),
            // Today's handle and the one of old versions.
            handles: vec![self.pods[pod].handle(), format!("c{pod}")],
            now: self.now(),
            ..ReleaseRequest::default()
        }
    }

    /// What a file names goes back, by number.
    pub(super) fn by_file(&self, pod: usize, file: &File) -> Verb {
        Verb::Release(ReleaseRequest {
            handles: vec![self.pods[pod].handle()],
            hint_blocks: file.blocks.clone(),
            sequences: file.sequences.clone(),
            ..self.all_of(pod)
        })
    }

    fn replay(&mut self, pod: usize) {
        let verb = self.by_owed(pod);
        self.start(pod, Errand::Replay, verb);
    }

    fn by_owed(&self, pod: usize) -> Verb {
        let owed = self.pods[pod].owed.clone().unwrap_or_default();
        self.by_file(pod, &owed)
    }

    fn replayed(&mut self, pod: usize) {
        self.pods[pod].owed = None;
        self.next(pod);
    }

    /// Whatever was sent for a container.
    pub(super) fn arrive_all(&mut self, pod: usize) -> Verdict {
        let theirs = |late: &super::Late| late.pod == Some(pod);
        while let Some(at) = self.late.iter().position(theirs) {
            let late = self.late.remove(at);
            self.arrive(late)?;
        }
        Ok(())
    }

    /// The runtime loses it, whatever it was doing.
    pub(super) fn forget(&mut self, pod: usize) -> Verdict {
        let here = &mut self.pods[pod];
        // What never wrote a file has nothing; a handle that others left for it is a check's business.
        let known = here.file.is_some() && matches!(here.phase, Phase::Up | Phase::Unsure);
        if here.errand.is_none() && here.owed.is_none() && known {
            here.touched = true;
            here.phase = Phase::Lost;
        }
        Ok(())
    }

    /// The step of a container's call.
    pub(super) fn go(&mut self, pod: usize, fault: Fault) -> Verdict {
        let Some((errand, mut call)) = self.pods[pod].errand.take() else {
            return Ok(());
        };
        let sending = call.is_sending();
        let progress = self.take(&mut call, Some(pod), fault)?;
        if errand == Errand::Add {
            self.pods[pod].note(&progress.noted);
            self.pods[pod].in_doubt |= sending && !matches!(fault, Fault::None | Fault::Conflict);
        }
        match progress.ended {
            None => self.pods[pod].errand = Some((errand, call)),
            Some(Err(error)) => {
                return self.ended(pod, errand, Err((error.code(), error.to_string())));
            }
            Some(Ok(done)) => {
                self.learn(&call.verb, &done);
                return self.ended(pod, errand, Ok(done.outcome));
            }
        }
        Ok(())
    }

    /// What the hint file keeps of a call.
    fn learn(&mut self, verb: &Verb, done: &Transacted<Outcome>) {
        match (verb, &done.outcome) {
            (Verb::Assign(request), Outcome::Leases(leases)) => {
                self.hints.keep(request, leases, &done.snapshot);
            }
            (Verb::Release(request), _) => self.hints.revise(&request.host, done.written.as_ref()),
            (_, _) => {}
        }
    }

    fn ended(&mut self, pod: usize, errand: Errand, outcome: Result<Outcome, (u32, String)>) -> Verdict {
        match (errand, outcome) {
            (Errand::Add, Ok(Outcome::Leases(leases))) => {
                self.pods[pod].told.extend(leases);
                self.pods[pod].phase = Phase::Up;
            }
            // The runtime deletes what failed to be added, and starts it anew.
            (Errand::Add, Err((140..=145 | 147 | 150..=152, _))) => {
                self.pods[pod].phase = Phase::Unsure;
                self.pods[pod].wish = None;
                self.pods[pod].told.clear();
                let verb = self.departure(pod);
                self.start(pod, Errand::Look, verb);
            }
            (Errand::FenceAdd, Ok(_)) => self.next(pod),
            (Errand::Look, Ok(Outcome::Released(released))) => match self.pods[pod].file.clone() {
                Some(file) if !released.found || file.in_doubt => {
                    let fence = self.fence(pod, file.blocks);
                    self.start(pod, Errand::Fence, fence);
                }
                _ => self.pods[pod].is_gone(),
            },
            (Errand::Fence, Ok(_)) => {
                let verb = self.departure(pod);
                self.start(pod, Errand::LookAgain, verb);
            }
            (Errand::LookAgain, Ok(_)) => self.pods[pod].is_gone(),
            (Errand::Replay, Ok(Outcome::Released(released)))
                if !released.found || self.pods[pod].owes_in_doubt() =>
            {
                let blocks = self.pods[pod].owed.clone().unwrap_or_default().blocks;
                let fence = self.fence(pod, blocks);
                self.start(pod, Errand::ReplayFence, fence);
            }
            (Errand::ReplayFence, Ok(_)) => {
                let verb = self.by_owed(pod);
                self.start(pod, Errand::ReplayAgain, verb);
            }
            (Errand::Replay | Errand::ReplayAgain, Ok(_)) => self.replayed(pod),
            (errand, outcome) => return Err(format!("{errand:?} of c{pod}: {outcome:?}")),
        }
        Ok(())
    }
}
