//! Signals, and what they say.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::speaker::Ending;

/// Those that are listened to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    withdraw: Signal,
    drain: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, String> {
        let of = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hangup: of(SignalKind::hangup())?,
            withdraw: of(SignalKind::user_defined1())?,
            drain: of(SignalKind::user_defined2())?,
        })
    }

    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End(Ending::Restart),
            _ = self.interrupt.recv() => Told::End(Ending::Restart),
            _ = self.withdraw.recv() => Told::End(Ending::Withdraw),
            _ = self.hangup.recv() => Told::Reload,
            _ = self.drain.recv() => Told::Drain,
        }
    }
}

/// What a signal says.
pub(super) enum Told {
    End(Ending),
    Reload,
    Drain,
}
