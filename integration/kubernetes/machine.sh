#!/bin/sh
# A machine as far as programs see its files: run in a mount namespace of its own, it holds that one until it is ended.
#   usage: unshare -m machine.sh DIR PLUGINS
# /etc, /opt and /var are this machine's, and what is written there stays in DIR: it outlives the namespace, as a disk does a
# boot. /run is empty. DIR/up appears when everything is as it should be. On its first boot the machine has reference
# plugins (out of PLUGINS) and an identity, and nothing of any network.
set -eu
dir=$1
plugins=$2
rm -f "$dir/up"
mount --make-rprivate /
# Whose namespaces these are, they are to end when their owner says so.
! mountpoint -q /run/netns || umount -l /run/netns
for place in etc opt var; do
    mkdir -p "$dir/disk/$place" "$dir/disk/.work/$place"
    mount -t overlay overlay "/$place" \
        -o "lowerdir=/$place,upperdir=$dir/disk/$place,workdir=$dir/disk/.work/$place"
done
mount -t tmpfs tmpfs /run
if [ ! -e "$dir/disk/born" ]; then
    rm -rf /etc/cni /opt/cni /var/lib/cni /var/lib/calico /var/lib/kubelet /etc/iproute2/rt_protos.d/manx.conf
    mkdir -p /opt/cni/bin
    cp "$plugins"/* /opt/cni/bin/
    tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
    : >/etc/resolv.conf
    touch "$dir/disk/born"
fi
# The kubelet wants to see what containers mount.
mount --make-rshared /
touch "$dir/up"
exec sleep infinity
