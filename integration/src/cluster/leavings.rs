//! What pods with an address leave behind, on machines, switches and in the datastore.

use std::collections::BTreeSet;

use crate::audit;
use crate::cluster::Cluster;
use crate::fabric::Router;
use crate::wait::eventually;

/// What there is, as lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leavings(BTreeSet<String>);

impl Leavings {
    /// All of it.
    pub fn of(cluster: &Cluster) -> Self {
        let mut found = BTreeSet::new();
        for machine in &cluster.machines {
            let mut has = |what: &str, names: Vec<String>| {
                found.extend(names.iter().map(|name| format!("{} {what} {name}", machine.name)));
            };
            has("interface", machine.interfaces());
            has("namespace", machine.names("/run/netns"));
            has("attachment", machine.names("/run/manx/attachments"));
            has("spool", machine.names("/var/lib/cni/manx/spool"));
            let routes = machine.netns().ip("route show table main");
            let over_pods = routes.lines().filter(|route| route.contains("cali"));
            has("route", over_pods.map(str::to_owned).collect());
        }
        let etcd = cluster.etcd();
        for prefix in [
            "/calico/ipam/v2/handle/",
            "/calico/resources/v3/projectcalico.org/workloadendpoints/",
        ] {
            found.extend(etcd.under(prefix).into_keys());
        }
        for (handle, addresses) in audit::held(etcd) {
            found.extend(
                addresses
                    .iter()
                    .map(|address| format!("{handle} holds {address}")),
            );
        }
        for switch in &cluster.racks.switches {
            let pods = |route: &crate::fabric::Route| route.prefix.starts_with("10.64.");
            let routes = switch.routes().into_iter().filter(pods);
            found.extend(routes.map(|route| format!("{} by {:?}", route.prefix, route.next_hop)));
        }
        Self(found)
    }

    /// Waits until there is this again and nothing else, and until the datastore contradicts itself nowhere.
    pub fn are_all(&self, cluster: &Cluster) {
        let mut last = None;
        eventually("nothing is left behind", || {
            let now = Self::of(cluster);
            let more = now.0.difference(&self.0).count();
            if last != Some(more) {
                let some: Vec<_> = now.0.difference(&self.0).take(5).collect();
                eprintln!("{more} left: {some:?} …");
                last = Some(more);
            }
            (now == *self).then_some(())
        });
        let wrong = audit::audit(cluster.etcd());
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
