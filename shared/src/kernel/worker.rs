//! A thread that lives in the pod's network namespace. `setns` is per thread and `/proc/sys/net` shows the
//! namespace of whoever looks: so this thread enters once, does there what must be done there, and dies with
//! its owner. No other thread ever changes its namespace, and nothing has to find its way back.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};

use super::KernelError;

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    netns: OwnedFd,
}

impl Worker {
    /// Starts the thread; fails if the descriptor is no network namespace or may not be entered.
    pub(super) fn start(netns: OwnedFd) -> Result<Self, KernelError> {
        let refused = |text: String| KernelError::Netns { text };
        let inside = netns.try_clone().map_err(|error| refused(error.to_string()))?;
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (entered, answer) = mpsc::channel();
        let body = move || {
            let outcome = setns(inside.as_fd(), CloneFlags::CLONE_NEWNET);
            drop(inside);
            if entered.send(outcome).is_err() || outcome.is_err() {
                return;
            }
            for job in inbox {
                job();
            }
        };
        let thread = std::thread::Builder::new()
            .name("pod-netns".to_owned())
            .spawn(body)
            .map_err(|error| refused(error.to_string()))?;
        match answer.recv() {
            Ok(Ok(())) => Ok(Self {
                jobs: Some(jobs),
                thread: Some(thread),
                netns,
            }),
            Ok(Err(nix::errno::Errno::EINVAL)) => Err(refused("it is no network namespace".to_owned())),
            Ok(Err(errno)) => Err(refused(errno.desc().to_owned())),
            Err(_) => Err(refused("the thread that enters it died".to_owned())),
        }
    }

    /// The namespace, for `IFLA_NET_NS_FD`.
    pub(super) fn netns(&self) -> &OwnedFd {
        &self.netns
    }

    /// Runs the closure in the namespace and waits for it: a matter of microseconds.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, KernelError> {
        let dead = || KernelError::Netns {
            text: "the thread inside it died".to_owned(),
        };
        let (done, answer) = mpsc::channel();
        let job: Job = Box::new(move || {
            // The asker waits below and cannot be gone.
            done.send(job()).ok();
        });
        self.jobs
            .as_ref()
            .ok_or_else(dead)?
            .send(job)
            .map_err(|_| dead())?;
        answer.recv().map_err(|_| dead())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Joined, so that the namespace has lost its user when the owner goes on.
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
