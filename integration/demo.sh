#!/bin/sh
# Two pods on one node. A network namespace plays the node, two more play pods; a directory under /tmp holds all state.
# The plugins are called as a container runtime calls them: a verb in the environment, a netconf on standard input.
set -eu
cd "$(dirname "$0")/.."

id=$$ node=manx-demo-$$ pods="one two"
dir=$(mktemp -d /tmp/manx-demo.XXXXXX)
conflist=conf/10-manx.conflist
# This machine may be a node already: nothing of its configuration is meant.
export DATASTORE_TYPE=embedded MANX_STATE_DIR="$dir/state" MANX_RUN_DIR="$dir/run"

clean_up() {
    for netns in $node $(for pod in $pods; do echo "$node-$pod"; done); do
        ip netns del "$netns" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
on_node() { ip netns exec "$node" "$@"; }
in_pod() { pod=$1; shift; ip netns exec "$node-$pod" "$@"; }

# cni VERB POD: every plugin of the conflist in its order (backwards for DEL), each given the result of the one before it.
cni() {
    order='.plugins[]' result=null
    [ "$1" = ADD ] || order='.plugins | reverse[]'
    for plugin in $(jq -r "$order.type" "$conflist"); do
        conf=$(jq --arg type "$plugin" --argjson before "$result" \
            '{cniVersion, name} + (.plugins[] | select(.type == $type))
             + if $before == null then {} else {prevResult: $before} end' "$conflist")
        out=$(printf '%s' "$conf" | on_node env \
            CNI_COMMAND="$1" CNI_CONTAINERID="demo-$id-$2" CNI_NETNS="/run/netns/$node-$2" CNI_IFNAME=eth0 \
            CNI_PATH="$PWD/dist" CNI_ARGS="K8S_POD_NAMESPACE=demo;K8S_POD_NAME=$2" "dist/$plugin" 2>>"$dir/log") || {
            printf '%s %s failed: %s\n' "$plugin" "$1" "$out" >&2
            cat "$dir/log" >&2
            exit 1
        }
        [ -z "$out" ] || result=$out
    done
    [ "$result" = null ] || printf '%s\n' "$result"
}

address() { jq -r '.ips[0].address | split("/")[0]' "$dir/$1.json"; }

say 'A namespace plays the node; the embedded store holds a pool of addresses'
ip netns add "$node"
ip -n "$node" link set lo up
# What a node has besides: an uplink with an address. Its other end stays unplugged here.
ip -n "$node" link add uplink type veth peer name unplugged
ip -n "$node" address add 192.0.2.4/24 dev uplink
ip -n "$node" link set unplugged up
ip -n "$node" link set uplink up
run dist/cnictl apply -f conf/ippool.yaml
run dist/cnictl get ippool -o wide

say "Two pods come up through $conflist"
for pod in $pods; do
    ip netns add "$node-$pod"
    ip -n "$node-$pod" link set lo up
    cni ADD "$pod" >"$dir/$pod.json"
    printf 'pod %s has %s\n' "$pod" "$(address "$pod")"
done

say 'What the first pod sees'
run ip -n "$node-one" -brief address
run ip -n "$node-one" route
say 'What the node sees'
run ip -n "$node" -brief link show type veth
run ip -n "$node" route
run dist/cnictl get workloadendpoint -A
run dist/cnictl ipam show --show-blocks

say 'Pod to pod, pod to host, host to pod'
run in_pod one ping -n -c 2 -i 0.2 -W 2 "$(address two)"
run in_pod one ping -n -c 1 -W 2 192.0.2.4
run on_node ping -n -c 1 -W 2 "$(address two)"

say 'Both pods go'
for pod in $pods; do cni DEL "$pod"; done

left=$(
    ip -n "$node" -brief link show | grep '^cali' || true
    ip -n "$node" route | grep '^10\.244\.' || true
    dist/cnictl get workloadendpoint -A -o json | jq -r '.items[].metadata.name'
    find "$dir/run/attachments" "$dir/state/spool" -type f 2>/dev/null || true
    dist/cnictl ipam show --show-blocks | awk -F'|' '$5 ~ /^ *[1-9]/'
)
run dist/cnictl ipam show
if [ -n "$left" ]; then
    printf 'left behind:\n%s\n' "$left" >&2
    exit 1
fi
say 'Nothing is left: no interface, no route, no record, no address taken.'
