//! GC on a host: what the files of forgotten containers name, then what the host's own blocks hold for nobody.

use std::collections::{BTreeSet, VecDeque};

use shared::ipam::gc::GcRequest;

use super::call::{Call, Fault, Outcome, Verb};
use super::{Verdict, World};

pub(crate) struct Collector {
    host: usize,
    files: VecDeque<usize>,
    /// The container whose file is carried out.
    of: Option<usize>,
    call: Option<Call>,
}

impl World {
    pub(super) fn begin_collection(&mut self, host: usize) -> Verdict {
        if self.collectors.iter().any(|running| running.host == host) {
            return Ok(());
        }
        let lost = |pod: &usize| self.pods[*pod].is_lost() && self.pods[*pod].host == host;
        let files: VecDeque<usize> = (0..self.pods.len()).filter(lost).collect();
        // Nobody collects what was forgotten a moment ago: whatever was sent has arrived.
        for pod in &files {
            self.arrive_all(*pod)?;
        }
        self.collectors.push(Collector {
            host,
            files,
            of: None,
            call: None,
        });
        Ok(())
    }

    /// One step of a collection.
    pub(super) fn collect(&mut self, at: usize, fault: Fault) -> Verdict {
        let mut collector = self.collectors.remove(at);
        let mut call = match collector.call.take() {
            Some(call) => call,
            None => {
                let verb = self.next_part(&mut collector);
                self.call(verb)
            }
        };
        match self.take(&mut call, None, fault)?.ended {
            None => collector.call = Some(call),
            Some(Ok(done)) => match (done.outcome, collector.of.take()) {
                (_, Some(pod)) => {
                    self.hints
                        .revise(&format!("n{}", collector.host), done.written.as_ref());
                    self.pods[pod].file = None;
                }
                (Outcome::Released(released), None) if released.found => {}
                (_, None) => return Ok(()),
            },
            Some(Err(error)) => return Err(format!("GC on n{}: {error}", collector.host)),
        }
        self.collectors.insert(at, collector);
        Ok(())
    }

    fn next_part(&self, collector: &mut Collector) -> Verb {
        while let Some(pod) = collector.files.pop_front() {
            if let Some(file) = &self.pods[pod].file {
                collector.of = Some(pod);
                return self.by_file(pod, file);
            }
        }
        let valid = self.pods.iter().filter(|pod| !pod.is_lost());
        Verb::Collect(GcRequest {
            host: format!("n{}", collector.host),
            network: "net".to_owned(),
            valid: valid.map(super::pod::Pod::handle).collect(),
            known: BTreeSet::new(),
            now: self.now(),
        })
    }
}
