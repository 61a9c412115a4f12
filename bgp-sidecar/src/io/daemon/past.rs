//! A datastore that was restored from an older backup comes back with an older revision than it had: that it knows less is no
//! reason to withdraw.

use shared::txn::Revision;

use super::{Daemon, start};
use crate::cluster::{Cluster, Data, Picture};
use crate::origin::{self, Verdict};

/// How far the datastore has been believed.
#[derive(Debug)]
pub(super) struct Past {
    believed: Revision,
    /// It came back with this one, and is not believed since.
    back: Option<Revision>,
    /// What was said of it last.
    told: Option<String>,
}

impl Past {
    pub(super) fn new(believed: Revision) -> Self {
        Self {
            believed,
            back: None,
            told: None,
        }
    }

    /// What it was and what it came back with, until it is believed again.
    fn step_back(&mut self, now: Revision) -> Option<(Revision, Revision)> {
        if now < self.believed {
            self.back = self.back.or(Some(now));
        }
        self.back.map(|back| (self.believed, back))
    }
}

impl Daemon {
    /// Whether it is not believed because it was restored; told when that or what would be lost is new.
    pub(super) fn is_restored(&mut self, data: &Data, revision: Revision) -> bool {
        let (Some(revisions), Some(previous)) = (self.past.step_back(revision), self.picture.clone()) else {
            return false;
        };
        let next = self.picture_of(data);
        let Verdict::Refuse(why) = origin::restored(&previous.judged(), &next.judged(), revisions) else {
            return false;
        };
        if self.past.told.as_ref() != Some(&why) {
            self.log.error(&why, &[]);
            self.past.told = Some(why);
        }
        true
    }

    /// Whether the datastore may be believed at a start, after what was known before.
    pub(super) fn judge(&mut self, kept: &Data, data: &Data, revision: Revision) -> Verdict {
        let (before, now) = (self.picture_of(kept), self.picture_of(data));
        match self.past.step_back(revision) {
            Some(revisions) => origin::restored(&before.judged(), &now.judged(), revisions),
            None => origin::withdrawal(&before.judged(), &now.judged()),
        }
    }

    fn picture_of(&self, data: &Data) -> Picture {
        let mut cluster = Cluster::new(&self.node);
        cluster.take(data);
        let secrets = start::secrets(&self.settings.secrets_dir, &cluster.secrets());
        cluster.picture(&self.settings, &secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_came_back_behind_is_so_until_it_is_believed_however_far_it_goes() {
        let mut past = Past::new(Revision(50));
        assert_eq!(past.step_back(Revision(50)), None);
        assert_eq!(past.step_back(Revision(70)), None);
        let back = Some((Revision(50), Revision(20)));
        for now in [20, 30, 90] {
            assert_eq!(past.step_back(Revision(now)), back, "{now}");
        }
        assert_eq!(Past::new(Revision(90)).step_back(Revision(91)), None);
    }
}
