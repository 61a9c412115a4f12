//! The programs as they are shipped: small, static, stripped.

use std::fs;

use integration::process::Cmd;
use integration::require;

const LIMIT: u64 = 12_000_000;

#[test]
fn every_program_is_one_static_stripped_file_of_at_most_12_million_octets() {
    for program in ["cni-net", "cni-ipam", "cnictl", "bgp-sidecar"] {
        let path = require::dist(program);
        let size = fs::metadata(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            .len();
        assert!(size <= LIMIT, "{program} is {size} bytes");
        let sections = Cmd::new(require::tool("readelf"))
            .args(["-dS"])
            .args([&path])
            .ok();
        for wrong in ["(NEEDED)", ".symtab", ".debug_info"] {
            assert!(!sections.contains(wrong), "{program} has {wrong}");
        }
    }
}
