//! What happens to a kernel's routes, as `ip monitor` tells it: nothing in between is missed.

use crate::daemon::Daemon;
use crate::fabric::Folder;
use crate::netns::Netns;
use crate::wait::eventually;

/// Routes that are added to be seen. TEST-NET-2, which nobody else uses.
const PROBE: &str = "198.51.100.";

/// An `ip monitor route` that runs until it is dropped.
pub struct Monitor<'a> {
    netns: &'a Netns,
    folder: Folder,
    probes: u8,
    _ip: Daemon,
}

impl<'a> Monitor<'a> {
    /// Hears of everything from now on.
    pub fn start(netns: &'a Netns) -> Self {
        let mut folder = Folder::new(&format!("ip monitor in {}", netns.name()));
        let log = folder.log("monitor");
        let ip = netns.command("ip").args(["monitor", "route"]).serve(&log);
        let mut monitor = Self {
            netns,
            folder,
            probes: 0,
            _ip: ip,
        };
        monitor.is_current();
        monitor
    }

    /// Waits until everything so far has been heard.
    fn is_current(&mut self) {
        eventually("ip monitor hears of routes", || {
            self.probes = self.probes.wrapping_add(1);
            let probe = format!("{PROBE}{}", self.probes);
            self.netns.ip(&format!("route add blackhole {probe}/32"));
            self.netns.ip(&format!("route del blackhole {probe}/32"));
            let gone = format!("Deleted blackhole {probe} ");
            self.folder.told().contains(&gone).then_some(())
        });
    }

    /// The routes that were removed so far, in the words of `ip`.
    pub fn removed(&mut self) -> Vec<String> {
        self.is_current();
        let told = self.folder.told();
        let removed = told.lines().filter_map(|line| line.strip_prefix("Deleted "));
        let ours = removed.filter(|line| !line.contains(PROBE));
        ours.map(|line| line.trim().to_owned()).collect()
    }

    /// Fails if a route to here was removed.
    pub fn never_removed(&mut self, destination: &str) {
        let removed = self.removed();
        let is_it = |line: &&String| line.split_whitespace().any(|word| word == destination);
        let gone: Vec<_> = removed.iter().filter(is_it).collect();
        assert!(gone.is_empty(), "{destination} was removed: {gone:?}");
    }
}
