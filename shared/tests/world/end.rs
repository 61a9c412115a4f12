//! The end of a schedule: whatever runs comes to its end, and everything goes.

use std::collections::BTreeSet;

use super::call::Fault;
use super::pod::Phase;
use super::steps::{Step, Way};
use super::{PODS, Verdict, World};

/// Steps in which whatever runs must come to its end.
const PATIENCE: usize = 5000;

impl World {
    /// Lets everything come to its end, takes every container away that anything happened to, and looks at what is left.
    pub(crate) fn finish(&mut self) -> Verdict {
        self.settle()?;
        for pod in 0..PODS {
            self.still_there(pod)?;
        }
        for pod in 0..PODS {
            let here = &self.pods[pod];
            if here.touched && (here.phase != Phase::Gone || here.owed.is_some()) {
                self.del(pod, Way::Now);
            }
        }
        self.settle()?;
        let lost: BTreeSet<usize> = self
            .pods
            .iter()
            .filter(|pod| pod.is_lost())
            .map(|pod| pod.host)
            .collect();
        for late in std::mem::take(&mut self.late) {
            self.arrive(late)?;
            self.ours()?;
        }
        for host in lost {
            self.begin_collection(host)?;
        }
        self.settle()?;
        self.nothing_is_left()
    }

    pub(super) fn settle(&mut self) -> Verdict {
        for round in 0..PATIENCE {
            let busy = self.busy().len();
            if busy == 0 {
                return Ok(());
            }
            self.step(&Step::Go((round % busy) as u8, Fault::None))?;
        }
        Err(format!("something never ends: {}", self.running()))
    }

    fn running(&self) -> String {
        let errands = self.pods.iter().filter_map(|pod| pod.errand.as_ref());
        let texts: Vec<String> = errands
            .map(|(errand, call)| format!("{errand:?} {:?}", call.verb))
            .collect();
        format!("{} collections; {}", self.collectors.len(), texts.join("; "))
    }
}
