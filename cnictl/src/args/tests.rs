//! Which lines are understood.

use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn calicoctls_spellings_are_understood() {
    for line in [
        "cnictl get wep -a -o wide",
        "cnictl get ippool -o ps",
        "cnictl apply -f -",
        "cnictl delete ippool a b",
        "cnictl delete -f pools.yaml --state-dir /tmp/x",
        "cnictl --etcd-endpoints http://127.0.0.1:2379 ipam show --show-blocks",
        "cnictl ipam show --ip=10.0.0.1",
        "cnictl ipam configure --strictaffinity=true --max-blocks-per-host=20",
        "cnictl ipam configure --kubevirt-ip-persistence=Disabled --ip-cooldown-seconds=30",
        "cnictl ipam split 4 --cidr=10.0.0.0/24",
        "cnictl ipam split 4 --name=web",
        "cnictl node decommission n1 --plan",
        "cnictl node status",
        "cnictl node status --run-dir /run/x -o json",
        "cnictl bgp routes --received 10.0.0.1 --socket /run/x/sidecar.sock",
        "cnictl bgp routes --advertised [fd00::1]:1179",
        "cnictl ipam check --show-all-ips --show-problem-ips -o report.json",
        "cnictl ipam check --runtime - --node n1 --fix leaked --yes",
        "cnictl ipam release --ip=10.0.0.1",
        "cnictl ipam release --from-report=a.json --from-report=b.json --force",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    for line in [
        "cnictl delete",
        "cnictl ipam configure",
        "cnictl ipam split 4",
        "cnictl ipam release",
        "cnictl bgp routes",
        "cnictl bgp routes --received 10.0.0.1 --advertised 10.0.0.1",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}
