//! What is read and watched.

use shared::model::key::{Key, Plural, Prefix};

use super::Store;
use crate::cluster::scope::Scope;

fn config(strict: &str) -> String {
    format!(r#"{{"strict_affinity":{strict},"auto_allocate_blocks":true}}"#)
}

#[test]
fn the_blocks_of_own_affinities_are_looked_at_and_all_while_addresses_may_be_borrowed() {
    let mut store = Store::default();
    store
        .block("10.0.0.0/26", "a", &[])
        .block("10.0.1.0/26", "b", &[])
        .put(&Key::ipam_config(), &config("true"));
    let own = Key::block("10.0.0.0/26".parse().unwrap());
    let other = Key::block("10.0.1.0/26".parse().unwrap());
    let strict = Scope::of(&store.0, "a", &Scope::none());
    assert_eq!(strict, Scope::Own([own.clone()].into()));
    assert!(strict.holds("a", &own) && !strict.holds("a", &other));
    assert!(strict.watched("a").contains(&Prefix::stored(own.as_str())));
    store.put(&Key::ipam_config(), &config("false"));
    let all = Scope::of(&store.0, "a", &strict);
    assert_eq!(all, Scope::All);
    assert!(all.holds("a", &other));
    store.put(&Key::ipam_config(), "{");
    assert_eq!(Scope::of(&store.0, "a", &all), Scope::All);
    assert_eq!(Scope::of(&store.0, "a", &strict), strict);
    store.0.remove(&Key::ipam_config());
    assert_eq!(Scope::of(&store.0, "a", &strict), Scope::All, "Calico's default");
}

#[test]
fn a_key_that_only_begins_like_a_wanted_one_is_left_out() {
    let narrow = Key::block("10.0.0.0/2".parse().unwrap());
    let scope = Scope::Own([narrow.clone()].into());
    assert!(scope.holds("a", &narrow));
    assert!(!scope.holds("a", &Key::stored(format!("{narrow}6"))));
    assert!(!scope.holds("a", &Key::stored("/calico/ipam/v2/config2")));
    assert!(!scope.holds(
        "a",
        &Key::stored("/calico/ipam/v2/host/ab/ipv4/block/10.0.0.0-26")
    ));
    assert!(!scope.holds("a", &Key::resource(Plural::WorkloadEndpoints, "x")));
    assert!(scope.holds("a", &Key::resource(Plural::Nodes, "x")));
}
