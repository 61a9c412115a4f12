//! What one attachment is called everywhere: in the kernel, in the datastore, in this node's files.

use std::path::Path;

use shared::cni::{Attachment, CniError, Code, Env};
use shared::state::attachment::{self, Id, Side};
use shared::store::Datastore as _;

use super::Call;
use crate::config::{Config, Policy};
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

/// The workload and its host interface.
pub(crate) fn names(
    config: &Config,
    env: &Env,
    attachment: &Attachment,
) -> Result<(Workload, String), CniError> {
    let namespace = config.labels.namespace.as_deref();
    let namespace = namespace.or(env.get("CNI_TEST_NAMESPACE"));
    let workload = Workload::new(&attachment.args, &attachment.container_id, namespace);
    let host_interface = workload.host_interface(env.get("FELIX_INTERFACEPREFIX"))?;
    Ok((workload, host_interface))
}

impl Call {
    /// The names of an attachment.
    pub(crate) fn target<'a>(&self, attachment: &'a Attachment) -> Result<Target<'a>, CniError> {
        let (workload, host_interface) = names(&self.config, &self.env, attachment)?;
        Ok(Target {
            attachment,
            host_interface,
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

    /// The attachment file of a target, if there is one.
    pub(crate) fn file(&self, id: &Id) -> Option<attachment::Attachment> {
        attachment::read(&self.dirs, Side::Net, id).ok().flatten()
    }

    /// The file that a container's ADD left under another name of the node or of the datastore: an endpoint was
    /// added to the configuration since, or the node was given its name.
    pub(crate) fn file_of_old(&self, id: &Id) -> Option<attachment::Attachment> {
        let same = |file: &attachment::Attachment| {
            (&file.id.network, &file.id.container, &file.id.ifname)
                == (&id.network, &id.container, &id.ifname)
        };
        let mut files = attachment::everything(&self.dirs, Side::Net).into_iter();
        files.find(same)
    }

    /// Whether this node has a file about another interface of the container.
    pub(crate) fn has_other_interface(&self, id: &Id) -> bool {
        let other = |file: &attachment::Attachment| {
            (&file.id.network, &file.id.container) == (&id.network, &id.container)
                && file.id.ifname != id.ifname
        };
        attachment::everything(&self.dirs, Side::Net).iter().any(other)
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
        (self.config.policy == Policy::Network).then_some(self.config.network.as_str())
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

    /// Another container's attachment file that says that the host interface is its own.
    pub(crate) fn claimed_by_another(&self, id: &Id, host_interface: &str) -> Option<attachment::Attachment> {
        let mut files = attachment::claims(&self.dirs, Side::Net, &id.node, host_interface).into_iter();
        files.find(|file| file.id.container != id.container)
    }

    /// A host interface called after a container has the first 11 bytes of its ID only: another container that
    /// begins alike keeps it, even while it is gone. A pod's is called after the pod (`taken`: it is there): the
    /// newer container of the same pod takes it over.
    pub(crate) fn refuse_foreign(&self, target: &Target<'_>, taken: bool) -> Result<(), CniError> {
        let (id, interface) = (&target.id, &target.host_interface);
        if target.workload.is_pod() && !taken {
            return Ok(());
        }
        let claim = self.claimed_by_another(id, interface);
        let Some(other) = claim.filter(|other| !is_same_pod(&target.workload, other)) else {
            return Ok(());
        };
        let text = format!(
            "host interface {interface} belongs to container {}, and {} would have one of the same name; run DEL \
             for it, or use container IDs that differ in their first 11 bytes",
            other.id.container, id.container
        );
        Err(CniError::new(Code::HostInterfaceTaken, text))
    }
}

/// Whether a file is about a container of the same pod, by the record it names.
fn is_same_pod(workload: &Workload, file: &attachment::Attachment) -> bool {
    let named = file.record.as_deref().and_then(|key| key.rsplit_once('/'));
    named.is_some_and(|(above, name)| {
        let namespace = above.rsplit('/').next() == Some(workload.namespace());
        workload.is_pod() && namespace && workload.owns(&file.id.node, name)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_container_of_the_same_pod_is_taken_over() {
        let pod = |namespace: &str, name: &str| Workload::Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let key = record::key(
            &pod("ns", "web-1"),
            &pod("ns", "web-1").record("n1", "eth0").unwrap(),
        );
        let mut file = attachment::Attachment {
            record: Some(key.as_str().to_owned()),
            ..attachment::Attachment::default()
        };
        file.id.node = "n1".to_owned();
        assert!(is_same_pod(&pod("ns", "web-1"), &file));
        assert!(!is_same_pod(&pod("ns", "web"), &file));
        assert!(!is_same_pod(&pod("other", "web-1"), &file));
        let container = Workload::Container {
            namespace: "ns".to_owned(),
            id: "web-1".to_owned(),
        };
        assert!(!is_same_pod(&container, &file));
        file.record = None;
        assert!(!is_same_pod(&pod("ns", "web-1"), &file));
    }
}
