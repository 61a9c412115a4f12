//! What the datastore says, and what is made of it.

use std::sync::Arc;

use shared::model::key::{Key, Plural};

use super::words::{Secrets, log};
use super::{Daemon, start};
use crate::cluster::{Data, Picture};
use crate::io::datastore::Update;
use crate::speaker::Event;

impl Daemon {
    pub(super) async fn updated(&mut self, update: Update) {
        match update {
            Update::Data(data, revision) => {
                self.heard(true);
                let (at, keys) = (revision.0.to_string(), data.len().to_string());
                self.log
                    .debug("the datastore has changed", &[("revision", &at), ("keys", &keys)]);
                if self.is_restored(&data, revision) {
                    return;
                }
                // What is refused must not take the place of what a restart would go by.
                if self.take(&data).await {
                    self.stored(&data);
                    self.entry.believe(&data);
                    self.keep(data, revision);
                }
            }
            Update::Away(why) => {
                self.heard(false);
                let text = "the datastore is away; everything goes on as it was";
                self.log.warning(text, &[("error", &why)]);
            }
        }
    }

    /// This node's record, for its labels.
    pub(super) fn stored(&self, data: &Data) {
        if let Some(labels) = &self.labels {
            labels.stored(data.get(&Key::resource(Plural::Nodes, &self.node)));
        }
    }

    pub(super) fn heard(&mut self, answers: bool) {
        let was_away = std::mem::replace(&mut self.facts.datastore.away, !answers);
        if answers {
            if was_away {
                self.debts.again();
                self.mender.look_at_all();
            }
            self.facts.datastore.heard = Some(start::now());
        }
    }

    /// What the datastore says, acted on; `false` if it is not believed.
    pub(super) async fn take(&mut self, data: &Arc<Data>) -> bool {
        self.cluster.take(data);
        self.mender.data(data);
        self.repaint().await
    }

    async fn repaint(&mut self) -> bool {
        self.passwords.known = self.read_secrets();
        let none = Secrets::new();
        let secrets = self.passwords.known.as_ref().unwrap_or(&none);
        let picture = Arc::new(self.cluster.picture(&self.settings, secrets));
        self.configure(picture).await
    }

    /// Where a peer has its password in a file.
    fn read_secrets(&mut self) -> Option<Secrets> {
        let wanted = self.cluster.secrets();
        self.passwords.watch(&self.settings.secrets_dir, &wanted);
        (!wanted.is_empty()).then(|| start::secrets(&self.settings.secrets_dir, &wanted))
    }

    /// Files with passwords may be others now.
    pub(super) async fn passwords_again(&mut self) {
        if self.read_secrets() != self.passwords.known {
            self.log.info("files with passwords have changed", &[]);
            self.repaint().await;
        }
    }

    /// Nothing follows from a picture that the speaker refuses, not even where to listen.
    async fn configure(&mut self, picture: Arc<Picture>) -> bool {
        if self.picture.as_ref() == Some(&picture) {
            return true;
        }
        self.step(Event::Picture(Arc::clone(&picture))).await;
        if !self.speaker.follows(&picture) {
            return false;
        }
        self.log = log(&self.settings, &self.node, picture.log_level);
        self.debts.level(picture.log_level);
        self.mender.level(picture.log_level);
        self.picture = Some(picture);
        self.listen();
        true
    }

    /// Certificates and passwords may be others now.
    pub(super) async fn reload(&mut self) {
        self.log.info("passwords and certificates are read again", &[]);
        self.datastore.renew();
        self.repaint().await;
    }

    /// Where the picture says, as far as it is possible; again whenever it was not.
    pub(super) fn listen(&mut self) {
        let Some(picture) = &self.picture else { return };
        let own = picture.local.as_ref().map(|local| local.addresses.clone());
        let addresses = match self.settings.listen_address {
            Some(address) => vec![address],
            None if picture.bind_node_ip => own.unwrap_or_default(),
            None => Vec::new(),
        };
        match self.net.listen(&addresses, picture.listen_port) {
            Ok(()) => self.deaf = None,
            Err(error) if self.deaf.as_ref() != Some(&error) => {
                self.log.error("no peer can connect", &[("error", &error)]);
                self.deaf = Some(error);
            }
            Err(_) => {}
        }
    }
}
