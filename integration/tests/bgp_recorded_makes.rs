//! Routers of each make that say everything that a BGP speaker can: how each is told to.

use integration::Lab;
use integration::bird::{self, Bird};
use integration::fabric::{Router, Tor};
use integration::frr::{self, Frr};
use integration::gobgp::{self, Gobgp};

use super::bgp_setup::{Make, ONE, ONE6, TOR, TOR6, TWO};

pub(crate) const NUMBER: u32 = 4_200_002_024;
pub(crate) const OURS: u32 = 64_512;
pub(crate) const FABRIC: &str = "10.20.0.0/26";
pub(crate) const FABRIC6: &str = "fd00:77::/122";
/// What the router says of its own prefixes to another AS.
const MED: &str = "50";
const COMMUNITY: (&str, &str) = ("64512", "7");
const LARGE: &str = "64512:1:2";

/// A router that says everything a router can.
pub(crate) trait Talker {
    /// It.
    fn router(&self) -> &dyn Router;
    /// Asks us for everything again; `false` for one that cannot.
    fn asks(&self) -> bool;
    /// Announces its own prefixes no more.
    fn withdraws(&mut self);
    /// Ends both sessions.
    fn ends(&self);
}

/// A router as it is told, and the same without its own prefixes.
fn tors(external: bool) -> (Tor, Tor) {
    let number = if external { OURS } else { NUMBER };
    let bare = Tor::new(TOR, NUMBER)
        .at6(TOR6)
        .knows(ONE, number)
        .knows(ONE6, number);
    let bare = match external {
        true => bare,
        false => bare.knows(TWO, number).reflects(),
    };
    (bare.clone().announces(FABRIC).announces(FABRIC6), bare)
}

/// Starts one that speaks to another AS, or reflects in its own.
pub(crate) fn talker(make: Make, lab: &Lab, external: bool) -> Box<dyn Talker> {
    match make {
        Make::Bird => Box::new(OfBird::start(lab, external)),
        Make::Frr => Box::new(OfFrr::start(lab, external)),
        Make::Gobgp => Box::new(OfGobgp::start(lab, external)),
    }
}

struct OfBird(Bird, String);

impl OfBird {
    fn start(lab: &Lab, external: bool) -> Self {
        let (whole, bare) = tors(external);
        let marks = format!(
            "export filter {{ if source !~ [ RTS_STATIC, RTS_BGP ] then reject; bgp_med = {MED}; \
             bgp_community.add(({},{})); bgp_large_community.add(({})); accept; }};",
            COMMUNITY.0,
            COMMUNITY.1,
            LARGE.replace(':', ",")
        );
        let conf = |tor: &Tor| match external {
            true => bird::conf(tor).replace("export where source ~ [ RTS_STATIC, RTS_BGP ];", &marks),
            false => bird::conf(tor),
        };
        Self(Bird::start(&lab.leaf, &conf(&whole)), conf(&bare))
    }
}

impl Talker for OfBird {
    fn router(&self) -> &dyn Router {
        &self.0
    }

    fn asks(&self) -> bool {
        for order in ["reload in n0", "reload in n1"] {
            self.0.birdc(order);
        }
        true
    }

    fn withdraws(&mut self) {
        self.0.reconfigure(&self.1);
    }

    fn ends(&self) {
        for order in ["disable n0 \"maintenance\"", "disable n1"] {
            self.0.birdc(order);
        }
    }
}

struct OfFrr(Frr);

impl OfFrr {
    fn start(lab: &Lab, external: bool) -> Self {
        let mut conf = format!("hostname tor\n{}", frr::conf(&tors(external).0));
        if external {
            for address in [ONE, ONE6] {
                let activate = format!("  neighbor {address} activate\n");
                let marked = format!("{activate}  neighbor {address} route-map marks out\n");
                conf = conf.replace(&activate, &marked);
            }
            let (high, low) = COMMUNITY;
            conf.push_str(&format!(
                "route-map marks permit 10\n set metric {MED}\n set community {high}:{low}\n set large-community {LARGE}\n"
            ));
        }
        Self(Frr::start(&lab.leaf, &conf))
    }
}

impl Talker for OfFrr {
    fn router(&self) -> &dyn Router {
        &self.0
    }

    fn asks(&self) -> bool {
        for (family, address) in [("ipv4", ONE), ("ipv6", ONE6)] {
            let order = format!("clear bgp {family} unicast {address} soft in");
            self.0.vtysh(&order).ok_only();
        }
        true
    }

    fn withdraws(&mut self) {
        for (family, prefix) in [("ipv4", FABRIC), ("ipv6", FABRIC6)] {
            let router = format!("router bgp {NUMBER}");
            let family = format!("address-family {family} unicast");
            self.0
                .configure(&[&router, &family, &format!("no network {prefix}")]);
        }
    }

    fn ends(&self) {
        let shut = |address: &str, text: &str| {
            let line = format!("neighbor {address} shutdown{text}");
            self.0.configure(&[&format!("router bgp {NUMBER}"), &line]);
        };
        shut(ONE, " message maintenance");
        shut(ONE6, "");
    }
}

struct OfGobgp(Gobgp);

impl OfGobgp {
    fn start(lab: &Lab, external: bool) -> Self {
        let this = Self(Gobgp::start(&lab.leaf, &gobgp::conf(&tors(external).1)));
        let (high, low) = COMMUNITY;
        let community = format!("{high}:{low}");
        let marks = ["med", MED, "community", &community, "large-community", LARGE];
        for (prefix, family, next_hop) in [(FABRIC, "ipv4", TOR), (FABRIC6, "ipv6", TOR6)] {
            let add = ["global", "rib", "-a", family, "add", prefix, "nexthop", next_hop];
            let marks = marks.iter().filter(|_| external);
            let words: Vec<&str> = add.iter().chain(marks).copied().collect();
            this.0.gobgp(&words).ok_only();
        }
        this
    }
}

impl Talker for OfGobgp {
    fn router(&self) -> &dyn Router {
        &self.0
    }

    /// Its soft reset looks at what it has kept; it understands a ROUTE-REFRESH and sends none.
    fn asks(&self) -> bool {
        false
    }

    fn withdraws(&mut self) {
        [FABRIC, FABRIC6]
            .iter()
            .for_each(|prefix| self.0.withdraw(prefix));
    }

    fn ends(&self) {
        for address in [ONE, ONE6] {
            self.0.gobgp(&["neighbor", address, "disable"]).ok_only();
        }
    }
}
