//! The end of a program that stays. The first process of a container is not ended by a signal it does not listen to.

use tokio::signal::unix::{SignalKind, signal};

/// Until somebody ends this process.
pub(super) async fn ended() -> Result<(), String> {
    let of = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
    let (mut terminate, mut interrupt) = (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
