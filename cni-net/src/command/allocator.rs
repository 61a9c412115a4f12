//! The IPAM plugin at work: a process of its own, or, where it is ours, a part of this one that goes on while others do.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use cni_ipam::Inside;
use shared::cni::delegate::Running;
use shared::cni::{AddResult, CniError, Code};

use super::Call;

/// How often others come first before the caller's own work: so many tasks hand a request on until it is on its way.
const HANDS: u32 = 3;

/// At work.
pub(super) enum Allocator<T> {
    /// In a process of its own.
    Process(Running),
    /// In this one.
    Inside(Part<T>),
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T, CniError>>>>;

/// What goes on here.
pub(super) struct Part<T> {
    /// `None` when it is done.
    work: Option<Work<T>>,
    outcome: Option<Result<T, CniError>>,
}

impl<T> Part<T> {
    fn of(work: Work<T>) -> Self {
        Self {
            work: Some(work),
            outcome: None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(());
        };
        work.as_mut().poll(context).map(|outcome| {
            self.work = None;
            self.outcome = Some(outcome);
        })
    }

    async fn outcome(&mut self) -> Result<T, CniError> {
        poll_fn(|context| self.poll(context)).await;
        let over = || CniError::new(Code::IpamPluginFailed, "the allocator has answered already");
        self.outcome.take().unwrap_or_else(|| Err(over()))
    }

    /// Whether it has ended by then, well or not.
    async fn rests(&mut self, until: Instant) -> bool {
        let rest = poll_fn(|context| self.poll(context));
        tokio::time::timeout_at(until.into(), rest).await.is_ok()
    }
}

impl Allocator<AddResult> {
    /// Its ADD, inside.
    pub(super) fn add(inside: Rc<Inside>) -> Self {
        Self::Inside(Part::of(Box::pin(async move { inside.add().await })))
    }

    /// Its answer; it need not have ended.
    pub(super) async fn answer(&mut self, call: &Call) -> Result<AddResult, CniError> {
        match self {
            Self::Process(running) => {
                AddResult::parse(call.conf.cni_version, &running.answer(call.deadline())?)
            }
            Self::Inside(part) => part.outcome().await,
        }
    }

    /// The same when it rests, with other patience.
    pub(super) async fn answer_by(self, call: &Call, until: Instant) -> Result<AddResult, CniError> {
        match self {
            Self::Process(running) => AddResult::parse(call.conf.cni_version, &running.wait(until)?),
            Self::Inside(mut part) => match part.rests(until).await {
                true => part.outcome().await,
                false => Err(CniError::new(
                    Code::TryAgainLater,
                    "the allocator does not answer",
                )),
            },
        }
    }

    /// Waits until it has ended, which must be well.
    pub(super) fn end(self, until: Instant) -> Result<(), CniError> {
        match self {
            Self::Process(running) => running.wait_for_end(until),
            Self::Inside(_) => Ok(()),
        }
    }
}

impl Allocator<()> {
    /// Its DEL, inside.
    pub(super) fn del(inside: Rc<Inside>) -> Self {
        Self::Inside(Part::of(Box::pin(async move { inside.del().await })))
    }

    /// Waits for the DEL. What is inside ends by its own time.
    pub(super) async fn released(self, until: Instant) -> Result<(), CniError> {
        match self {
            Self::Process(running) => running.wait(until).map(|_| ()),
            Self::Inside(mut part) => part.outcome().await,
        }
    }
}

impl<T> Allocator<T> {
    /// Works on while the plugin does; its first request is on its way before.
    pub(super) async fn beside<W>(&mut self, work: impl Future<Output = W>) -> W {
        let Self::Inside(part) = self else {
            return work.await;
        };
        for _ in 0..HANDS {
            if poll_fn(|context| Poll::Ready(part.poll(context).is_ready())).await {
                break;
            }
            tokio::task::yield_now().await;
        }
        let mut work = pin!(work);
        poll_fn(|context| {
            // Woken for either, looks at both.
            let _ = part.poll(context);
            work.as_mut().poll(context)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn part<T: 'static>(work: impl Future<Output = Result<T, CniError>> + 'static) -> Allocator<T> {
        Allocator::Inside(Part::of(Box::pin(work)))
    }

    #[tokio::test]
    async fn both_go_on_and_neither_is_lost() {
        let steps = Rc::new(Cell::new(0));
        let counted = Rc::clone(&steps);
        let mut plugin = part(async move {
            for _ in 0..8 {
                tokio::task::yield_now().await;
                counted.set(counted.get() + 1);
            }
            Ok(7)
        });
        let work = async {
            let before = steps.get();
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            (before, steps.get())
        };
        let (before, after) = plugin.beside(work).await;
        assert!(before > 0, "it was on its way first");
        assert!((1..8).contains(&(after - before)), "{before} {after}");
        let Allocator::Inside(mut part) = plugin else {
            unreachable!()
        };
        assert_eq!(part.outcome().await.unwrap(), 7);
        assert_eq!(steps.get(), 8);
        assert!(part.outcome().await.is_err(), "it answers once");
    }

    #[tokio::test]
    async fn one_that_is_done_is_not_asked_again() {
        let mut plugin = part(async { Ok("done") });
        assert_eq!(plugin.beside(async { 1 }).await, 1);
        assert_eq!(plugin.beside(async { 2 }).await, 2);
        let Allocator::Inside(mut part) = plugin else {
            unreachable!()
        };
        assert!(part.rests(Instant::now()).await);
        assert_eq!(part.outcome().await.unwrap(), "done");
    }
}
