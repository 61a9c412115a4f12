//! Every resource in `conf/` is taken by the program it is for, and says what its comments say.

use std::fs;

use integration::json::list;
use integration::{Kind, Lab, Pod, on_both_stores, require};

on_both_stores!(every_resource_in_conf_can_be_applied_twice_and_a_pod_gets_an_address_of_it);

fn every_resource_in_conf_can_be_applied_twice_and_a_pod_gets_an_address_of_it(kind: Kind) {
    let lab = Lab::new(kind);
    let entries = fs::read_dir(require::file("conf"))
        .expect("the folder is there")
        .flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    for path in files.iter().chain(&files) {
        lab.cnictl(["apply", "-f", &path.display().to_string()]).ok();
    }
    let pools = lab.cnictl(["get", "ippool", "-o", "json"]).run().ok().json();
    assert!(!list(&pools, "/items").is_empty(), "{pools}");
    let result = lab.node.add(&lab.node.conf(), &Pod::new("conf"));
    assert!(
        integration::node::address(&result).starts_with("10.244."),
        "{result}"
    );
}
