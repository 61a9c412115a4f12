#!/bin/sh
# containerd and its shim from the Go module proxy: the 2.x whose CRI asks the plugins for their STATUS (Debian 12 has 1.6).
#   usage: containerd.sh OUT_DIR VERSION        e.g. containerd.sh target/tools/containerd-v2.4.2 v2.4.2
set -eu
out=$(realpath -m "$1")
version=$2
mkdir -p "$out"
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:--p=1}" GOBIN="$out"
for p in containerd containerd-shim-runc-v2; do
    [ ! -x "$out/$p" ] || continue
    echo "building $p $version"
    go install -trimpath -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$version" \
        "github.com/containerd/containerd/v2/cmd/$p@$version"
done
