//! Who goes by the README's BGP section, or by the Debian package, has a sidecar that is ready and a machine that starts pods. All
//! of it is real but systemd: the unit is enabled and verified by its own programs, and started by what it says.

use std::fs;

use integration::daemon::Daemon;
use integration::fences::{Fence, fences};
use integration::wait::eventually;
use integration::{Lab, Pod};

use super::packages::built;
use super::reader::Place;

const SETTINGS: &str = "/etc/cni/manx/sidecar.yaml";
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/bgp-sidecar.service";
const NODES: &str = "/calico/resources/v3/projectcalico.org/nodes/";
/// Where the documentation has etcd.
const ENDPOINTS: &str = "https://10.0.0.11:2379,https://10.0.0.12:2379,https://10.0.0.13:2379";

/// A machine without anything of ours, beside an etcd of whose certificates it has copies.
fn place() -> Place {
    let lab = Lab::secured();
    lab.pool("default-ipv4-ippool", "10.244.0.0/16", 26);
    let place = Place::bare(lab);
    let (_, certificates) = place.lab.etcd().secured();
    for (file, copy) in [
        ("ca.pem", "etcd-ca.pem"),
        ("client.pem", "etcd.pem"),
        ("client.key", "etcd.key"),
    ] {
        let bytes = fs::read(certificates.path(file)).expect("a certificate");
        place.machine.write(&format!("/etc/cni/manx/{copy}"), bytes);
    }
    fs::remove_file(place.machine.path("/run/manx/ready")).expect("no sidecar was here");
    place
}

/// Does what a block says, where etcd is: the one thing that a reader changes.
fn run(place: &Place, block: &Fence) {
    let (endpoints, _) = place.lab.etcd().secured();
    let answer = place.shell(&block.text.replace(ENDPOINTS, &endpoints));
    assert!(answer.status.success(), "{}: {}", block.place(), answer.told());
    let settings = place.machine.path(SETTINGS);
    if let Ok(text) = fs::read_to_string(&settings) {
        fs::write(settings, text.replace(ENDPOINTS, &endpoints)).expect("written");
    }
}

/// The machine has a record by the name that it has taken, with its address.
fn is_registered(place: &Place) {
    let node = place.shell("cat /var/lib/calico/nodename").ok().stdout;
    let key = format!("{NODES}{}", node.trim());
    let record = place
        .lab
        .etcd()
        .get(&key)
        .unwrap_or_else(|| panic!("{key} is not there"));
    assert_eq!(record["spec"]["bgp"]["ipv4Address"], "192.168.1.4/24", "{record}");
}

/// Does it but for the start, and starts what was enabled, as systemd would.
fn begin(place: &Place, block: &Fence) -> Daemon {
    let (rest, now) = (
        block.text.replace("enable --now", "enable"),
        "enable --now bgp-sidecar",
    );
    assert!(block.text.contains(now), "{}: {now}", block.place());
    let told = place.shell(&rest).ok().stdout;
    for line in [
        "address 192.168.1.4/24",
        "speaks as AS 64512, identifier 192.168.1.4",
    ] {
        assert!(
            told.contains(line),
            "--check-config says what it would do: {told}"
        );
    }
    assert!(place.lab.etcd().under(NODES).is_empty(), "and does nothing");
    assert!(
        !place.machine.path("/var/lib/cni/manx").exists(),
        "nor on the machine"
    );
    place
        .shell("systemd-analyze verify bgp-sidecar.service")
        .ok_only();
    let unit = place.shell(&format!("cat {ENABLED}")).ok().stdout;
    let line = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in {unit}")).to_owned()
    };
    place.shell(&line("ExecStartPre=+")).ok_only();
    let start = format!("exec {}", line("ExecStart="));
    let sidecar = place.command(&start).serve(&place.lab.path("sidecar.log"));
    eventually("the sidecar is ready", || {
        place.machine.path("/run/manx/ready").is_file().then_some(())
    });
    is_registered(place);
    place.shell("PATH=$PATH:dist cnictl node status").ok_only();
    sidecar
}

#[test]
fn the_readmes_bgp_section_ends_in_a_sidecar_that_is_ready() {
    let place = place();
    let blocks = fences("README.md");
    let of = |info: &str| blocks.iter().filter(|one| one.info == info).collect::<Vec<_>>();
    let ([_, files], [start]) = (&of("sh test machine")[..], &of("sh test systemd")[..]) else {
        panic!("the section has other blocks");
    };
    run(&place, files);
    let _sidecar = begin(&place, start);
}

#[test]
fn the_debian_package_ends_in_a_machine_that_starts_pods() {
    let place = place();
    built("deb.sh", &place.folder.path().join("manx_0_any.deb"));
    let blocks = fences("docs/install.md");
    let of = |info: &str| blocks.iter().filter(|one| one.info == info).collect::<Vec<_>>();
    let ([package, install], [start]) = (&of("sh test package")[..], &of("sh test systemd")[..]) else {
        panic!("the section has other blocks");
    };
    run(&place, package);
    let _sidecar = begin(&place, start);
    run(&place, install);
    let pod = Pod::new("packaged");
    assert!(place.call("ADD", &pod).contains("10.244."));
    place.call("DEL", &pod);
}
