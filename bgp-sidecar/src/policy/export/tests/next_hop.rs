use super::*;

#[test]
fn next_hop_modes_are_calicos() {
    use NextHopMode::{Auto, Keep, Own};
    let reflector = Export {
        cluster: Some([244, 0, 0, 1].into()),
        ..env()
    };
    let filters = filter(&json!({"exportV4": [{"source": "RemotePeers", "action": "Accept"}]}));
    let mut learned = attributes("192.168.1.5", &[]);
    learned.next_hop.link_local = Some("fe80::5".parse().unwrap());
    let own_is = address("192.168.1.4");
    let theirs = address("192.168.1.5");
    let table = [
        (Auto, 64512, true, own_is),
        (Auto, 64512, false, theirs),
        (Auto, 65107, false, own_is),
        (Own, 64512, false, own_is),
        (Keep, 65107, false, theirs),
        (Keep, 65107, true, own_is),
    ];
    for (mode, number, ours, expected) in table {
        let target = Target {
            mode,
            filters: filters.clone(),
            ..to(number)
        };
        let (source, route) = if ours {
            (Source::Own, own())
        } else {
            (from(true, true), learned.clone())
        };
        let found = export(&reflector, &target, BLOCK, source, &route).unwrap();
        assert_eq!(found.next_hop, expected.into(), "{mode:?} {number} {ours}");
    }
    let target = Target {
        own: BTreeMap::new(),
        ..to(64512)
    };
    let found = export(&env(), &target, BLOCK, Source::Own, &own());
    assert_eq!(found, Err(Withheld::NoNextHop));
}

#[test]
fn a_draining_node_asks_to_be_avoided_and_only_itself() {
    let env = Export {
        draining: true,
        cluster: Some([244, 0, 0, 1].into()),
        ..env()
    };
    let inside = export(&env, &to(64512), BLOCK, Source::Own, &own()).unwrap();
    assert_eq!(inside.local_pref, Some(0));
    assert!(inside.communities.contains(&Attributes::GRACEFUL_SHUTDOWN));
    let outside = export(&env, &to(65107), BLOCK, Source::Own, &own()).unwrap();
    assert!(outside.communities.contains(&Attributes::GRACEFUL_SHUTDOWN));
    assert_eq!(outside.local_pref, None);
    let reflected = export(
        &env,
        &to(64512),
        BLOCK,
        from(true, true),
        &attributes("192.168.1.5", &[]),
    )
    .unwrap();
    assert!(reflected.communities.is_empty());
}
