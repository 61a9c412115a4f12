//! Edge: one call, from endpoint to endpoint, until one of them answers.

use std::time::Duration;

use etcd_client::Client;
use tokio::time::timeout;

use super::super::StoreError;
use super::Etcd;
use super::failure::{self, Failure, Failures};

/// Every endpoint is tried this often before a call gives up.
const ROUNDS: u32 = 3;
/// How long a call waits for a cluster that says it has no leader: an election takes etcd one to two seconds, and two
/// when the votes are split.
const ELECTION: Duration = Duration::from_secs(5);

/// Whether a request may be sent a second time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It only reads.
    Yes,
    /// It writes: only if it was certainly not carried out.
    IfUnsent,
}

/// How long one call goes on.
#[derive(Default)]
struct Patience {
    rounds: u32,
    /// What was left of the deadline when a member first said that there is no leader.
    since: Option<Duration>,
}

impl Patience {
    /// Whether there is another round after this one. `electing`: a member said in it that there is no leader.
    fn lasts(&mut self, electing: bool, left: Duration) -> bool {
        self.rounds += 1;
        if electing {
            let since = *self.since.get_or_insert(left);
            return self.rounds < ROUNDS || since.saturating_sub(left) < ELECTION;
        }
        self.rounds < ROUNDS
    }
}

impl Etcd {
    /// One try at the present endpoint.
    async fn once<T>(
        &self,
        request: &impl AsyncFn(Client) -> Result<T, etcd_client::Error>,
    ) -> Result<T, Failure> {
        let endpoint = self.endpoint();
        let client = self.client().await?;
        let left = self
            .deadline
            .left(|| format!("{endpoint}: no time left to ask"))?;
        let limit = left.min(self.config.request_timeout);
        let fresh = self.link().fresh;
        match timeout(limit, request(client)).await {
            Ok(Ok(answer)) => {
                let mut link = self.link();
                (link.fresh, link.passed) = (false, 0);
                Ok(answer)
            }
            Ok(Err(error)) => Err(failure::of(&endpoint, &error, fresh, &self.config)),
            Err(_) => Err(Failure::Lost(format!(
                "{endpoint}: no answer within {} ms",
                limit.as_millis()
            ))),
        }
    }

    /// Tries endpoint after endpoint.
    pub(super) async fn call<T>(
        &self,
        repeat: Repeat,
        request: impl AsyncFn(Client) -> Result<T, etcd_client::Error>,
    ) -> Result<T, StoreError> {
        let mut failures = Failures::default();
        let mut renewed = false;
        let mut patience = Patience::default();
        loop {
            failures.next_round();
            for _ in 0..self.order.len() {
                match self.once(&request).await {
                    Ok(answer) => return Ok(answer),
                    Err(Failure::Final(error)) => return Err(failures.over(error)),
                    Err(Failure::Token(_)) if !renewed => {
                        renewed = true;
                        self.renew();
                        match Box::pin(self.once(&request)).await {
                            Ok(answer) => return Ok(answer),
                            Err(failure) => self.note(&mut failures, failure, repeat)?,
                        }
                    }
                    Err(failure) => self.note(&mut failures, failure, repeat)?,
                }
            }
            let left = self.deadline.left(|| failures.text())?;
            if !patience.lasts(failures.electing(), left) {
                return Err(failures.into_error());
            }
            if failures.may_pass() {
                self.deadline.pause(patience.rounds + 3, &failures.text()).await?;
            }
        }
    }

    /// Takes a failure in and goes to the next endpoint, or ends the call with an error.
    fn note(&self, failures: &mut Failures, failure: Failure, repeat: Repeat) -> Result<(), StoreError> {
        self.advance();
        match failure {
            Failure::Final(error) => Err(failures.over(error)),
            Failure::Lost(text) | Failure::LeaderLost(text) | Failure::Handshake(text)
                if repeat == Repeat::IfUnsent =>
            {
                Err(StoreError::Ambiguous(text))
            }
            Failure::Token(text) => Err(StoreError::Refused(text)),
            Failure::Unsent(_)
            | Failure::NoLeader(_)
            | Failure::Tls(_)
            | Failure::Lost(_)
            | Failure::LeaderLost(_)
            | Failure::Handshake(_) => {
                failures.push(failure);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rounds made when each takes that long.
    fn rounds(electing: impl Fn(u32) -> bool, each: Duration) -> u32 {
        let mut patience = Patience::default();
        let mut left = Duration::from_secs(25);
        loop {
            left -= each;
            if !patience.lasts(electing(patience.rounds), left) {
                return patience.rounds;
            }
        }
    }

    #[test]
    fn an_election_is_waited_for_and_nothing_else_is() {
        let each = Duration::from_millis(250);
        assert_eq!(rounds(|_| false, each), ROUNDS);
        assert_eq!(
            rounds(|_| true, each),
            21,
            "the first round, and five seconds more"
        );
        assert_eq!(rounds(|round| round > 0, each), 22);
        assert_eq!(
            rounds(|round| round < 5, each),
            6,
            "a leader, and something else is wrong"
        );
        assert_eq!(rounds(|_| true, Duration::from_secs(6)), ROUNDS);
    }
}
