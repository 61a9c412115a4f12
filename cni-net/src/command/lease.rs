//! What an ADD was given by the IPAM plugin, and how it goes back: never more than this ADD was given. A repeated
//! ADD has the handle of the first one, whose address a pod may be using.
#![expect(clippy::disallowed_methods, reason = "edge: undoing has its own time")]

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use shared::cni::delegate::Running;
use shared::cni::{AddResult, CniError};

use super::allocator::Allocator;
use super::{Call, Target, answer};
use crate::facts::Addresses;

/// How long a plugin that was started may take to finish before what it did is undone.
const FINISH: Duration = Duration::from_secs(4);

/// The IPAM plugin's part of one ADD.
#[derive(Default)]
pub(super) struct Lease {
    running: Option<Allocator<AddResult>>,
    /// One that was started before it was needed, and touches nothing until it is released.
    pub(super) held: Option<Running>,
    /// Those that have answered, and may have things to do that nobody waits for.
    answered: Vec<Allocator<AddResult>>,
    given: Given,
    stdin: Vec<u8>,
    /// Addresses that are asked for one by one, as Calico's plugin wants it.
    named: VecDeque<IpAddr>,
    /// Addresses that no plugin is asked for.
    own: Vec<IpAddr>,
}

/// What is known of the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Given {
    /// The plugin was never started.
    #[default]
    Nothing,
    /// It was, and has not said what it did.
    Unknown,
    /// These.
    Addresses(Vec<IpAddr>),
}

/// What the plugin's DEL is to free.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Release {
    /// There is nothing to free, or what there is is an earlier ADD's.
    Nothing,
    /// All that the container has.
    Everything,
    /// These addresses only.
    Only(Vec<IpAddr>),
}

impl Given {
    /// `known`: an earlier ADD of the container left its attachment file, and perhaps addresses. Whatever this one
    /// got without saying so is then freed by the container's DEL.
    fn release(self, known: bool) -> Release {
        match (self, known) {
            (Given::Nothing, _) | (Given::Unknown, true) => Release::Nothing,
            (Given::Unknown, false) => Release::Everything,
            (Given::Addresses(addresses), _) => Release::Only(addresses),
        }
    }
}

impl Lease {
    /// Starts the plugin, unless nothing is asked of it.
    pub(super) fn ask(
        &mut self,
        call: &Call,
        target: &Target<'_>,
        (addresses, stdin): (Addresses, Vec<u8>),
    ) -> Result<(), CniError> {
        self.stdin = stdin;
        if addresses != Addresses::Any {
            self.held = None;
        }
        match addresses {
            Addresses::WithoutIpam(addresses) => {
                self.own = addresses;
                return Ok(());
            }
            Addresses::Any => {
                self.running = Some(self.any(call, target)?);
                self.given = Given::Unknown;
            }
            Addresses::Named(addresses) => {
                self.given = Given::Addresses(addresses.clone());
                self.named = addresses.into();
                self.ask_next(call, target)?;
            }
        }
        Ok(())
    }

    /// The one that is held, where it was told what is to be asked now; else another.
    fn any(&mut self, call: &Call, target: &Target<'_>) -> Result<Allocator<AddResult>, CniError> {
        if let Some(mut held) = self
            .held
            .take()
            .filter(|held| held.told() == self.stdin.trim_ascii_end())
        {
            held.release()?;
            return Ok(Allocator::Process(held));
        }
        call.start_ipam(target, &self.stdin, None)
    }

    fn ask_next(&mut self, call: &Call, target: &Target<'_>) -> Result<(), CniError> {
        if let Some(address) = self.named.pop_front() {
            self.running = Some(call.start_ipam(target, &self.stdin, Some(address))?);
        }
        Ok(())
    }

    /// Works on while the plugin does.
    pub(super) async fn beside<W>(&mut self, work: impl Future<Output = W>) -> W {
        match &mut self.running {
            Some(running) => running.beside(work).await,
            None => work.await,
        }
    }

    /// Its answer, or its answers.
    pub(super) async fn answer(
        &mut self,
        call: &Call,
        target: &Target<'_>,
    ) -> Result<(AddResult, Vec<IpAddr>), CniError> {
        let chosen = self.own.is_empty() && self.given == Given::Unknown;
        let mut whole = answer::alone(&self.own);
        while let Some(mut running) = self.running.take() {
            let ipam = running.answer(call).await?;
            self.answered.push(running);
            whole = answer::and(whole, ipam);
            self.ask_next(call, target)?;
        }
        let addresses = answer::addresses(&call.config, &whole)?;
        if !chosen && whole.routes.is_empty() {
            // Calico's plugin names no route to an address that was asked for; somebody must lead packets there.
            whole.routes = answer::alone(&addresses).routes;
        }
        if self.own.is_empty() {
            self.given = Given::Addresses(addresses.clone());
        }
        Ok((whole, addresses))
    }

    /// Waits until the plugin has ended, which must be well.
    pub(super) fn end(&mut self, call: &Call) -> Result<(), CniError> {
        let ends = self.answered.drain(..);
        ends.map(|one| one.end(call.deadline())).fold(Ok(()), Result::and)
    }

    /// Waits until the plugin rests: killed in the middle it might still hold an address that no DEL finds.
    pub(super) async fn settle(&mut self, call: &Call) {
        let finish = Instant::now() + FINISH;
        let answer = match self.running.take() {
            Some(running) => Some(running.answer_by(call, finish).await),
            None => None,
        };
        for answered in self.answered.drain(..) {
            let _ = answered.end(finish);
        }
        let Some(answer) = answer else { return };
        if self.given != Given::Unknown {
            return;
        }
        if let Ok(addresses) = answer.and_then(|ipam| answer::addresses(&call.config, &ipam)) {
            self.given = Given::Addresses(addresses);
        }
    }

    /// Gives back what this ADD was given.
    pub(super) fn give_back(self, call: &Call, target: &Target<'_>, known: bool) -> Result<(), CniError> {
        match self.given.release(known) {
            Release::Nothing => Ok(()),
            Release::Everything => call.take_back(target, &[]),
            Release::Only(addresses) => call.take_back(target, &addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_add_gives_back_what_it_was_given_and_never_what_an_earlier_one_holds() {
        let addresses = vec!["10.0.0.7".parse().unwrap()];
        for (given, known, wanted) in [
            (Given::Nothing, false, Release::Nothing),
            (Given::Nothing, true, Release::Nothing),
            (Given::Unknown, false, Release::Everything),
            (Given::Unknown, true, Release::Nothing),
            (
                Given::Addresses(addresses.clone()),
                false,
                Release::Only(addresses.clone()),
            ),
            (
                Given::Addresses(addresses.clone()),
                true,
                Release::Only(addresses.clone()),
            ),
        ] {
            assert_eq!(given.clone().release(known), wanted, "{given:?} {known}");
        }
    }
}
