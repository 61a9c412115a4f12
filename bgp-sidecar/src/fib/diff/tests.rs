use std::collections::BTreeSet;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::fib::{BLACKHOLE, Hop, LEARNED, LENT};

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn via(last: u8) -> Kind {
    Kind::via([Hop {
        gateway: Some(IpAddr::from([10, 0, 0, last])),
        interface: Some("eth0".into()),
    }])
}

#[test]
fn blackholes_come_first_and_go_last() {
    let wanted: Routes = [
        ((net("10.48.0.0/26"), LEARNED), via(1)),
        ((net("10.48.7.64/26"), BLACKHOLE), Kind::Blackhole),
        ((net("10.48.7.70/32"), LENT), via(2)),
    ]
    .into();
    let plan = diff(&wanted, &Routes::new(), None);
    let put: Vec<_> = plan.put.iter().map(ToString::to_string).collect();
    let expected = [
        "replace blackhole 10.48.7.64/26 metric 4096",
        "replace 10.48.7.70/32 via 10.0.0.2 dev eth0 metric 3072",
    ];
    assert_eq!(put, expected);
    let learned: Vec<_> = plan.learned.iter().map(ToString::to_string).collect();
    assert_eq!(
        learned,
        ["replace 10.48.0.0/26 via 10.0.0.1 dev eth0 metric 2048"]
    );
    assert!(plan.remove.is_empty() && plan.after_withdrawal.is_empty());

    let back = diff(&Routes::new(), &wanted, None);
    assert_eq!((back.put.len(), back.remove.len()), (0, 2));
    let last = &back.after_withdrawal[0];
    assert_eq!(last.to_string(), "delete blackhole 10.48.7.64/26 metric 4096");
}

#[test]
fn a_scope_leaves_everything_else_alone() {
    let wanted: Routes = [
        ((net("10.0.0.0/26"), LEARNED), via(1)),
        ((net("10.0.1.0/26"), LEARNED), via(1)),
    ]
    .into();
    let found: Routes = [
        ((net("10.0.2.0/26"), LEARNED), via(1)),
        ((net("10.0.1.0/26"), LENT), via(1)),
    ]
    .into();
    let scope = [net("10.0.1.0/26")].into();
    let plan = diff(&wanted, &found, Some(&scope));
    assert_eq!((plan.learned.len(), plan.remove.len()), (1, 1));
    assert!(diff(&wanted, &wanted, None).is_empty());
}

fn routes() -> impl Strategy<Value = Routes> {
    let metric = prop_oneof![Just(LEARNED), Just(LENT), Just(BLACKHOLE)];
    let one = (0..6u8, metric, 0..3u8).prop_map(|(third, metric, hop)| {
        let kind = if metric == BLACKHOLE {
            Kind::Blackhole
        } else {
            via(hop)
        };
        ((net(&format!("10.0.{third}.0/24")), metric), kind)
    });
    prop::collection::vec(one, 0..12).prop_map(|all| all.into_iter().collect())
}

fn route_of(op: &Op) -> &Route {
    match op {
        Op::Replace(route) | Op::Delete(route) => route,
    }
}

proptest! {
    #[test]
    fn applied_to_what_is_found_it_gives_what_is_wanted(wanted in routes(), found in routes()) {
        let plan = diff(&wanted, &found, None);
        let new = plan.put.iter().chain(&plan.learned);
        let all: Vec<_> = new.chain(&plan.remove).chain(&plan.after_withdrawal).collect();
        let mut kernel = found.clone();
        for op in &all {
            let route = route_of(op);
            let key = (route.destination, route.metric);
            prop_assert!(wanted.get(key) != found.get(key), "{op} touches what is right");
            match op {
                Op::Replace(route) => drop(kernel.insert(key, route.kind.clone())),
                Op::Delete(_) => prop_assert!(kernel.remove(key).is_some(), "{op}"),
            }
        }
        prop_assert_eq!(&kernel, &wanted);
        let touched: BTreeSet<_> = all.iter().map(|op| (route_of(op).destination, route_of(op).metric)).collect();
        prop_assert_eq!(touched.len(), all.len(), "nothing is touched twice");

        let scope: PrefixSet = wanted.keys().chain(found.keys()).map(|(net, _)| net).collect();
        prop_assert_eq!(diff(&wanted, &found, Some(&scope)), plan);
    }
}
