//! Edge: carries out a plan. What fails is undone, in reverse, and both failures are told.

use shared::kernel::{Kernel, KernelError, Outcome};
use shared::op::{Op, Side};

/// What was carried out, and what takes it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    undo: Vec<Op>,
    /// What could not be done and was only worth a warning.
    pub(crate) warnings: Vec<String>,
    /// How many instructions were carried out.
    pub(crate) steps: usize,
}

/// A plan that failed, and what its undoing failed at.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{cause}{}", also(.undo))]
pub(crate) struct ApplyError {
    /// The instruction that failed.
    pub(crate) op: Box<Op>,
    /// Why.
    pub(crate) cause: Cause,
    /// What could not be undone, as text; empty if all was.
    pub(crate) undo: Vec<String>,
}

/// Why an instruction was not carried out.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A test asked for it (`fail_after`).
    #[error("fault injected after step {0}")]
    Injected(usize),
}

/// What could not be undone.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("undoing failed: {}", .0.join("; "))]
pub(crate) struct UndoError(pub(crate) Vec<String>);

fn also(undo: &[String]) -> String {
    if undo.is_empty() {
        String::new()
    } else {
        format!("; undoing failed: {}", undo.join("; "))
    }
}

impl ApplyError {
    /// The number of `shared::cni::Code`.
    pub(crate) fn code(&self) -> u32 {
        const EEXIST: i32 = 17;
        let exists = matches!(&self.cause, Cause::Kernel(error) if error.errno() == Some(EEXIST));
        match (&*self.op, exists) {
            // Somebody was faster since we looked.
            (Op::AddVeth(_), true) => 174,
            (Op::AddRoute { side: Side::Host, .. }, true) => 171,
            _ => 170,
        }
    }
}

/// Carries out the plan, or nothing of it. `fail_after` is for tests: the plan fails once so many
/// instructions were carried out.
pub(crate) async fn run(
    kernel: &Kernel,
    ops: &[Op],
    fail_after: Option<usize>,
) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
    for op in ops {
        let outcome = if fail_after == Some(applied.steps) {
            Err(Cause::Injected(applied.steps))
        } else {
            kernel.apply(op).await.map_err(Cause::from)
        };
        match outcome {
            Ok(outcome) => applied.took(op, outcome),
            Err(cause) => {
                let undo = applied
                    .undo(kernel)
                    .await
                    .err()
                    .map_or_else(Vec::new, |error| error.0);
                return Err(ApplyError {
                    op: Box::new(op.clone()),
                    cause,
                    undo,
                });
            }
        }
    }
    Ok(applied)
}

impl Applied {
    fn took(&mut self, op: &Op, outcome: Outcome) {
        self.steps += 1;
        match outcome {
            Outcome::Done => self.undo.extend(op.inverse()),
            Outcome::Nothing => {}
            Outcome::Removed(routes) => {
                let side = Side::Host;
                self.undo
                    .extend(routes.into_iter().map(|route| Op::AddRoute { side, route }));
            }
            Outcome::Warning(text) => self.warnings.push(text),
        }
    }

    /// This and what was applied after it, as one.
    #[must_use]
    pub(crate) fn then(mut self, later: Applied) -> Applied {
        self.undo.extend(later.undo);
        self.warnings.extend(later.warnings);
        self.steps += later.steps;
        self
    }

    /// Takes all of it back, the last first; goes on past failures and tells them together.
    pub(crate) async fn undo(self, kernel: &Kernel) -> Result<(), UndoError> {
        let mut failed = Vec::new();
        for op in self.undo.iter().rev() {
            match (kernel.apply(op).await, op) {
                (Ok(_), _) => {}
                // A route over an interface that vanished led nowhere: there is nothing to bring back.
                (Err(KernelError::NoLink { .. }), Op::AddRoute { .. }) => {}
                (Err(error), _) => failed.push(error.to_string()),
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(UndoError(failed))
        }
    }
}

#[cfg(test)]
pub(crate) mod lab;
#[cfg(test)]
mod tests;
