//! OPEN (RFC 4271 §4.2): one optional parameter with all capabilities, or none.

use netgauze_bgp_pkt::capabilities::{
    AddPathAddressFamily, AddPathCapability, BgpCapability, FourOctetAsCapability,
    GracefulRestartAddressFamily, GracefulRestartCapability, MultiProtocolExtensionsCapability,
};
use netgauze_bgp_pkt::open::{BgpOpenMessage, BgpOpenMessageParameter};

use super::address_type;
use crate::wire::AS_TRANS;
use crate::wire::message::{Capabilities, Open, Restart};

pub(super) fn octets(open: &Open) -> BgpOpenMessage {
    let number = u16::try_from(open.number).unwrap_or(AS_TRANS);
    let capabilities = capabilities(&open.capabilities);
    let mut parameters = Vec::new();
    if !capabilities.is_empty() {
        parameters.push(BgpOpenMessageParameter::new_capabilities(capabilities));
    }
    BgpOpenMessage::new(number, open.hold, open.id, parameters)
}

fn capabilities(of: &Capabilities) -> Vec<BgpCapability> {
    let multiprotocol = |family: &_| {
        let capability = MultiProtocolExtensionsCapability::new(address_type(*family));
        BgpCapability::MultiProtocolExtensions(capability)
    };
    let mut all: Vec<_> = of.families.iter().map(multiprotocol).collect();
    all.extend(of.refresh.then_some(BgpCapability::RouteRefresh));
    all.extend(of.extended_message.then_some(BgpCapability::ExtendedMessage));
    all.extend(of.restart.as_ref().map(restart));
    all.extend(
        of.as4
            .map(|number| BgpCapability::FourOctetAs(FourOctetAsCapability::new(number))),
    );
    if !of.add_path.is_empty() {
        let families = of
            .add_path
            .iter()
            .map(|(family, can)| AddPathAddressFamily::new(address_type(*family), can.send, can.receive));
        let capability = AddPathCapability::new(families.collect::<Vec<_>>());
        all.push(BgpCapability::AddPath(capability));
    }
    all.extend(of.enhanced_refresh.then_some(BgpCapability::EnhancedRouteRefresh));
    all
}

fn restart(restart: &Restart) -> BgpCapability {
    let families = restart.families.iter();
    let families =
        families.map(|(family, kept)| GracefulRestartAddressFamily::new(*kept, address_type(*family)));
    BgpCapability::GracefulRestartCapability(GracefulRestartCapability::new(
        restart.restarting,
        restart.notification,
        restart.time.min(0x0FFF),
        families.collect::<Vec<_>>(),
    ))
}
