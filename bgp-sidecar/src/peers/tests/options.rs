//! Fields of a BGPPeer, and what fails closed.

use super::*;
use crate::session::NextHopMode;

fn with(fields: Value) -> Cluster {
    let mut spec = json!({"peerIP": "10.0.0.9", "asNumber": 65000});
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    Cluster::plain(1).peer("p", spec)
}

#[test]
fn every_field_reaches_the_session() {
    let cluster = with(json!({
        "maxRestartTime": "1500ms", "keepaliveTime": "10s", "numAllowedLocalASNumbers": 2, "ttlSecurity": 3,
        "reachableBy": "10.0.0.254", "sourceAddress": "None", "nextHopMode": "Self"
    }));
    let session = only(&cluster.resolve("n1"));
    assert_eq!((session.restart_time, session.keepalive), (2, Some(10)));
    assert_eq!(
        (session.allowed_local_numbers, session.ttl_security),
        (2, Some(3))
    );
    assert_eq!(session.reachable_by, Some("10.0.0.254".parse().unwrap()));
    assert_eq!((session.source, session.next_hop), (None, NextHopMode::Own));
    assert_eq!((session.password, session.max_prefixes), (Password::None, None));
}

#[test]
fn no_hops_is_no_ttl_security() {
    assert_eq!(
        only(&with(json!({"ttlSecurity": 0})).resolve("n1")).ttl_security,
        None
    );
}

#[test]
fn the_next_hop_is_kept_in_old_words_on_external_sessions_only() {
    let mode = |fields: Value| only(&with(fields).resolve("n1")).next_hop;
    assert_eq!(mode(json!({})), NextHopMode::Auto);
    assert_eq!(mode(json!({"keepOriginalNextHop": true})), NextHopMode::Keep);
    assert_eq!(
        mode(json!({"keepOriginalNextHop": true, "asNumber": 64512})),
        NextHopMode::Auto
    );
    assert_eq!(mode(json!({"nextHopMode": "Keep"})), NextHopMode::Keep);
}

#[test]
fn a_missing_filter_holds_the_session_and_the_mesh_does_not_step_in() {
    let mut cluster = Cluster::plain(2).peer(
        "p",
        json!({"node": "n1", "peerIP": "10.0.0.2", "asNumber": 64512, "filters": ["there", "gone"]}),
    );
    let filter = Arc::new(Filter::default());
    cluster.filters.insert("there".to_owned(), filter.clone());
    let resolved = cluster.resolve("n1");
    assert_eq!(resolved.sessions, []);
    assert_eq!(resolved.held[0].session.filters.len(), 1);
    assert!(
        resolved.held[0].why.contains("BGPFilter \"gone\" does not exist"),
        "{resolved:?}"
    );
    assert!(texts(&resolved)[0].starts_with("BGPPeer p: BGPFilter"));
    cluster.filters.insert("gone".to_owned(), filter);
    assert_eq!(only(&cluster.resolve("n1")).filters.len(), 2);
}

#[test]
fn words_that_do_not_exist_hold_the_session() {
    for (field, value) in [
        ("nextHopMode", "Own"),
        ("sourceAddress", "Mine"),
        ("reachableBy", "fd00::1"),
        ("reachableBy", "x"),
    ] {
        let resolved = with(json!({field: value})).resolve("n1");
        assert_eq!(resolved.sessions, [], "{field}");
        assert!(
            resolved.held[0].why.contains(field) && resolved.held[0].why.contains(value),
            "{resolved:?}"
        );
    }
}

#[test]
fn a_password_that_cannot_be_had_is_missing_and_says_why() {
    let reference = json!({"password": {"secretKeyRef": {"name": "bgp", "key": "r7"}}});
    let with_secret = |bytes: Option<&[u8]>| {
        let mut cluster = with(reference.clone());
        if let Some(bytes) = bytes {
            cluster
                .secrets
                .insert(("bgp".to_owned(), "r7".to_owned()), bytes.to_vec());
        }
        only(&cluster.resolve("n1")).password
    };
    assert_eq!(with_secret(Some(b"secret\n")), Password::Key(b"secret".to_vec()));
    assert_eq!(with_secret(Some(&[b'x'; 80])), Password::Key(vec![b'x'; 80]));
    for (bytes, why) in [
        (None, "bgp/r7"),
        (Some(&b"\n"[..]), "empty"),
        (Some(&[b'x'; 81][..]), "81 octets"),
    ] {
        let Password::Missing(text) = with_secret(bytes) else {
            panic!("{why}")
        };
        assert!(text.contains(why), "{text}");
    }
    let nameless = only(&with(json!({"password": {}})).resolve("n1")).password;
    assert!(matches!(nameless, Password::Missing(_)));
}

#[test]
fn times_that_cannot_be_are_named_and_left_aside() {
    let resolved =
        with(json!({"keepaliveTime": "90s", "maxRestartTime": "2h", "numAllowedLocalASNumbers": -1}))
            .resolve("n1");
    let session = only(&resolved);
    assert_eq!(
        (
            session.keepalive,
            session.restart_time,
            session.allowed_local_numbers
        ),
        (None, 4095, 0)
    );
    let fields: Vec<_> = resolved
        .problems
        .iter()
        .map(|one| one.text.split(':').next().unwrap())
        .collect();
    assert_eq!(
        fields,
        ["keepaliveTime", "maxRestartTime", "numAllowedLocalASNumbers"]
    );
}

#[test]
fn settings_of_the_daemon_reach_the_peer_they_name() {
    let mut cluster = with(json!({}));
    let address: IpAddr = "10.0.0.9".parse().unwrap();
    cluster.defaults = Defaults {
        hold: 9,
        max_prefixes: Some(100),
        extra_families: BTreeMap::from([(address, BTreeSet::from([Family::Ipv6]))]),
        passive: BTreeSet::from([address]),
        ..Defaults::default()
    };
    let session = only(&cluster.resolve("n1"));
    assert_eq!(
        (session.hold, session.max_prefixes, session.passive),
        (9, Some(100), true)
    );
    assert_eq!(session.families, BTreeSet::from(Family::ALL));
}

#[test]
fn the_secrets_to_read_are_those_that_passwords_name() {
    let reference = |key: &str| json!({"secretKeyRef": {"name": "bgp", "key": key}});
    let cluster = with(json!({"password": reference("r7")}))
        .configuration("default", json!({"nodeMeshPassword": reference("mesh")}))
        .peer("q", json!({"password": {}}));
    let of = |key: &str| ("bgp".to_owned(), key.to_owned());
    assert_eq!(
        secrets(&cluster.configurations, &cluster.peers),
        BTreeSet::from([of("mesh"), of("r7")])
    );
}

#[test]
fn the_mesh_has_its_password_too() {
    let cluster = Cluster::plain(2).configuration(
        "default",
        json!({"nodeMeshPassword": {"secretKeyRef": {"name": "a", "key": "b"}}}),
    );
    assert!(matches!(
        only(&cluster.resolve("n1")).password,
        Password::Missing(_)
    ));
}
