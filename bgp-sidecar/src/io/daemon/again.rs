//! What could not be done (a port that is taken, a peer that does not read) is looked at again; and nothing wakes us
//! while everything is done.

use std::time::Duration;

use tokio::time::Instant;

/// After so long.
const PAUSE: Duration = Duration::from_secs(5);

/// Armed while there is need.
#[derive(Debug, Default)]
pub(super) struct Again(Option<Instant>);

impl Again {
    /// Whether there is something to look at again.
    pub(super) fn need(&mut self, need: bool) {
        self.0 = match need {
            true => self.0.or_else(|| Some(Instant::now() + PAUSE)),
            false => None,
        };
    }

    /// Until it is time. Nothing is lost if the future is dropped.
    pub(super) async fn wait(&mut self) {
        match self.0 {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_armed_once_and_only_while_there_is_need() {
        let mut again = Again::default();
        again.need(false);
        assert_eq!(again.0, None);
        again.need(true);
        let at = again.0.expect("armed");
        again.need(true);
        assert_eq!(again.0, Some(at), "not put off");
        again.need(false);
        assert_eq!(again.0, None);
    }
}
