//! What one attachment is called everywhere: in the kernel, in the datastore, in this node's files.

use std::path::Path;

use shared::cni::{Attachment, CniError, Code};
use shared::state::attachment::{self, Id, Side};
use shared::state::lock::{self, Lock};
use shared::store::Datastore as _;

use super::Call;
use crate::names::Workload;
use crate::netns::Netns;
use crate::{error, record};

/// An attachment and its names.
pub(crate) struct Target<'a> {
    pub(crate) attachment: &'a Attachment,
    pub(crate) workload: Workload,
    pub(crate) host_interface: String,
    pub(crate) id: Id,
}

impl Target<'_> {
    /// The pod's namespace, where there must be one.
    pub(crate) fn netns(&self) -> Result<Netns, CniError> {
        let path = self.attachment.netns.as_deref().unwrap_or(Path::new(""));
        Netns::open(path).map_err(error::netns)
    }
}

/// Locks of one attachment; dropped, the next call goes on.
pub(crate) struct Turn {
    own: Lock,
    interface: Lock,
}

impl Turn {
    /// Nothing will be done for this container any more.
    pub(crate) fn retire(self) {
        self.interface.retire();
        self.own.retire();
    }
}

impl Call {
    /// The names of an attachment.
    pub(crate) fn target<'a>(&self, attachment: &'a Attachment) -> Result<Target<'a>, CniError> {
        let namespace = self
            .config
            .labels
            .namespace
            .as_deref()
            .or(self.env.get("CNI_TEST_NAMESPACE"));
        let workload = Workload::new(&attachment.args, &attachment.container_id, namespace);
        Ok(Target {
            attachment,
            host_interface: workload.host_interface(self.env.get("FELIX_INTERFACEPREFIX"))?,
            workload,
            id: self.id(&attachment.container_id, &attachment.ifname),
        })
    }

    /// What an attachment file of this call is about.
    pub(crate) fn id(&self, container: &str, ifname: &str) -> Id {
        Id {
            store: self.store.identity(),
            node: self.node.clone(),
            network: self.config.network.clone(),
            container: container.to_owned(),
            ifname: ifname.to_owned(),
        }
    }

    /// Takes this attachment's turn, and that of its host interface: the interface is called after the pod, so
    /// the DEL of an older container must not run beside the ADD of a newer one.
    pub(crate) fn turn(&self, id: &Id, host_interface: &str) -> Result<Turn, CniError> {
        let wait = |words| {
            let held = lock::attachment(&self.dirs, Side::Net, words, self.deadline());
            held.map_err(|error| error::state(&error))?.ok_or_else(|| {
                let text = format!(
                    "another call for container {} {} or its interface {host_interface} is still running; try again",
                    id.container, id.ifname
                );
                CniError::new(Code::TryAgainLater, text)
            })
        };
        Ok(Turn {
            own: wait([&id.network, &id.container, &id.ifname])?,
            interface: wait(["host interface", &id.node, host_interface])?,
        })
    }

    /// The attachment file of a target, if there is one.
    pub(crate) fn file(&self, id: &Id) -> Option<attachment::Attachment> {
        attachment::read(&self.dirs, Side::Net, id).ok().flatten()
    }

    /// Removes the attachment file.
    pub(crate) fn forget(&self, id: &Id) -> Result<(), CniError> {
        attachment::forget(&self.dirs, Side::Net, id).map_err(|error| error::state(&error))
    }

    /// Makes the attachment file what it was.
    pub(crate) fn restore(&self, id: &Id, earlier: Option<&attachment::Attachment>) -> Result<(), CniError> {
        match earlier {
            Some(file) => {
                attachment::write(&self.dirs, Side::Net, file).map_err(|error| error::state(&error))
            }
            None => self.forget(id),
        }
    }

    /// The profile to create with the record, by name.
    pub(crate) fn profile(&self) -> Option<&str> {
        (self.config.policy == crate::config::Policy::Network).then_some(self.config.network.as_str())
    }
}

impl Call {
    /// The profile's document, where ADD must see to it that there is one.
    pub(crate) fn new_profile(&self, target: &Target<'_>) -> Option<(String, Vec<u8>)> {
        let name = self.profile()?;
        Some((
            name.to_owned(),
            record::profile(name, target.workload.is_pod(), &self.uid(), self.now),
        ))
    }

    /// Whether another container's attachment file says that the host interface is its own.
    pub(crate) fn claimed_by_another(&self, id: &Id, host_interface: &str) -> Option<String> {
        let files = attachment::everything(&self.dirs, Side::Net).into_iter();
        let mut others = files.filter(|file| {
            file.host_interface.as_deref() == Some(host_interface)
                && (&file.id.node, &file.id.container) != (&id.node, &id.container)
                && file.id.node == id.node
        });
        others.next().map(|file| file.id.container)
    }

    /// A host interface called after a container has the first 11 bytes of its ID only: another container that
    /// begins alike keeps it. (A pod's is called after the pod: the newer container takes it over.)
    pub(crate) fn refuse_foreign(&self, target: &Target<'_>) -> Result<(), CniError> {
        if target.workload.is_pod() {
            return Ok(());
        }
        let Some(other) = self.claimed_by_another(&target.id, &target.host_interface) else {
            return Ok(());
        };
        let text = format!(
            "host interface {} belongs to container {other}, whose ID begins like {}; run DEL for it, or use \
             container IDs that differ in their first 11 bytes",
            target.host_interface, target.id.container
        );
        Err(CniError::new(Code::HostInterfaceTaken, text))
    }
}

/// `-t`: fails unless the datastore says that it is ready.
pub(crate) async fn ready(call: &Call) -> Result<(), CniError> {
    let snapshot = call
        .store
        .read(&record::readiness())
        .await
        .map_err(error::store)?;
    record::ready(&snapshot).map(|_| ())
}
