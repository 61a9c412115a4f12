#!/bin/sh
# Two nodes and a top-of-rack switch. Namespaces play all three; the switch is FRR with conf/peers/frr/tor.conf as it is, the
# datastore is Debian's etcd, and each node has a bgp-sidecar. A directory under /tmp holds all state.
set -eu
cd "$(dirname "$0")/.."

id=$$ tor=manx-fabric-$$ nodes="4 5"
dir=$(mktemp -d /tmp/manx-fabric.XXXXXX)
started=
export ETCD_ENDPOINTS=http://192.168.1.1:2379 DATASTORE_TYPE=etcdv3

clean_up() {
    for pid in $started; do kill "$pid" 2>/dev/null || true; done
    for pid in $started; do wait "$pid" 2>/dev/null || true; done
    for host in $nodes; do
        ip netns del "$tor-pod$host" 2>/dev/null || true
        ip netns del "$tor-node$host" 2>/dev/null || true
    done
    ip netns del "$tor" 2>/dev/null || true
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
in_ns() { ns=$1; shift; ip netns exec "$ns" "$@"; }
cnictl() { in_ns "$tor" dist/cnictl "$@"; }
switch() { vtysh --vty_socket "$dir/" -c "$1"; }

# serve NAMESPACE LOG PROGRAM…: in the background, until the end.
serve() {
    ns=$1 log=$2
    shift 2
    ip netns exec "$ns" "$@" >"$dir/$log" 2>&1 &
    started="$started $!"
}

# until_it WORDS COMMAND…: waits for it, half a minute at most.
until_it() {
    what=$1
    shift
    for _ in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    printf 'waited in vain: %s\n' "$what" >&2
    tail -n 20 "$dir"/*.log >&2
    exit 1
}

# cni VERB HOST: the pod of a node, as its runtime calls the plugin.
cni() {
    node=worker0$(($2 - 3))
    printf '{"cniVersion":"1.0.0","name":"fabric","type":"cni-net","etcd_endpoints":"%s","nodename":"%s","ipam":{"type":"cni-ipam"}}' \
        "$ETCD_ENDPOINTS" "$node" | in_ns "$tor-node$2" env \
        CNI_COMMAND="$1" CNI_CONTAINERID="fabric-$id-$2" CNI_NETNS="/run/netns/$tor-pod$2" CNI_IFNAME=eth0 CNI_PATH="$PWD/dist" \
        CNI_ARGS="K8S_POD_NAMESPACE=demo;K8S_POD_NAME=pod$2" MANX_STATE_DIR="$dir/$2/state" MANX_RUN_DIR="$dir/$2/run" \
        dist/cni-net 2>>"$dir/cni.log"
}

address() { jq -r '.ips[0].address | split("/")[0]' "$dir/$1.json"; }
knows() { switch 'show bgp ipv4 unicast' | grep -q "$1"; }

say 'A switch (FRR), etcd beside it, and two nodes'
ip netns add "$tor"
ip -n "$tor" link set lo up
ip -n "$tor" link add rack type bridge
ip -n "$tor" address add 192.168.1.1/24 dev rack
ip -n "$tor" link set rack up
serve "$tor" etcd.log etcd --data-dir "$dir/etcd" --log-level warn \
    --listen-client-urls "$ETCD_ENDPOINTS" --advertise-client-urls "$ETCD_ENDPOINTS" \
    --listen-peer-urls http://192.168.1.1:2380 --initial-advertise-peer-urls http://192.168.1.1:2380 \
    --initial-cluster default=http://192.168.1.1:2380
: >"$dir/zebra.conf"
for daemon in zebra bgpd; do
    conf="$dir/zebra.conf"
    [ "$daemon" = zebra ] || conf=conf/peers/frr/tor.conf
    serve "$tor" "$daemon.log" "/usr/lib/frr/$daemon" -u root -g frrvty -A 127.0.0.1 -P 0 --log stdout -f "$conf" \
        -i "$dir/$daemon.pid" -z "$dir/zserv.api" --vty_socket "$dir/"
    until_it "$daemon answers" vtysh --vty_socket "$dir/" -d "$daemon" -c 'show version'
done
for host in $nodes; do
    ip netns add "$tor-node$host"
    ip -n "$tor-node$host" link set lo up
    ip -n "$tor" link add "port$host" type veth peer name uplink netns "$tor-node$host"
    ip -n "$tor" link set "port$host" master rack up
    ip -n "$tor-node$host" address add "192.168.1.$host/24" dev uplink
    ip -n "$tor-node$host" link set uplink up
done
cat >"$dir/bgp.yaml" <<'YAML'
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {asNumber: 64512, nodeToNodeMeshEnabled: false}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: tor}
spec: {peerIP: 192.168.1.1, asNumber: 64512}
YAML
until_it 'etcd answers' cnictl get ippool
run cnictl apply -f conf/ippool.yaml -f "$dir/bgp.yaml"

say 'Each node has a sidecar and a pod'
echo "$id" >"$dir/boot"
for host in $nodes; do
    echo "$id-$host" >"$dir/machine$host"
    serve "$tor-node$host" "sidecar$host.log" dist/bgp-sidecar --nodename "worker0$((host - 3))" --etcd-endpoints "$ETCD_ENDPOINTS" \
        --state-dir "$dir/$host/state" --run-dir "$dir/$host/run" --metrics-address none --connect-retry-time 1s \
        --nodename-file "$dir/$host/nodename" --machine-id-file "$dir/machine$host" --boot-id-file "$dir/boot"
    until_it 'the sidecar is ready' test -e "$dir/$host/run/ready"
    ip netns add "$tor-pod$host"
    ip -n "$tor-pod$host" link set lo up
    cni ADD "$host" >"$dir/$host.json"
    printf 'pod%s on worker0%s has %s\n' "$host" "$((host - 3))" "$(address "$host")"
done
for host in $nodes; do until_it 'the switch knows the block' knows "192.168.1.$host "; done

say 'What the switch has learned'
run switch 'show bgp ipv4 unicast'
say 'What the first node has learned, and its own block'
until_it 'the other block is in the kernel' in_ns "$tor-node4" sh -c 'ip route show proto 77 | grep -q "via 192.168.1.5"'
run ip -n "$tor-node4" route show proto 77
run in_ns "$tor-node4" dist/cnictl node status --run-dir "$dir/4/run"

say 'Pod to pod across the rack, both ways; pods and the switch'
run in_ns "$tor-pod4" ping -n -c 2 -i 0.2 -W 2 "$(address 5)"
run in_ns "$tor-pod5" ping -n -c 2 -i 0.2 -W 2 "$(address 4)"
for host in $nodes; do run in_ns "$tor-pod$host" ping -n -c 1 -W 2 192.168.1.1; done
run in_ns "$tor" ping -n -c 1 -W 2 "$(address 4)"

say 'Both pods go, and both nodes leave'
for host in $nodes; do
    cni DEL "$host"
    in_ns "$tor-node$host" dist/bgp-sidecar --withdraw --nodename "worker0$((host - 3))" --run-dir "$dir/$host/run"
    if [ -n "$(ip -n "$tor-node$host" route show proto 77)" ]; then
        printf 'worker0%s still has routes\n' "$((host - 3))" >&2
        exit 1
    fi
done
if knows 192.168.1.4 || knows 192.168.1.5; then
    switch 'show bgp ipv4 unicast' >&2
    exit 1
fi
say 'Nothing is left: the switch has forgotten both, and no route of ours is in a kernel.'
