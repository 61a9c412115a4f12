#!/bin/sh
# crictl from the Go module proxy. `go install` wants the list of the module's versions, which a mirror may not have; a module of
# our own does not.
#   usage: crictl.sh OUT_DIR
set -eu
version=v1.36.0
out=$(realpath -m "$1")
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CGO_ENABLED=0 GOWORK=off
described=$(go mod download -json "sigs.k8s.io/cri-tools@$version")
field() { printf '%s\n' "$described" | sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p"; }
{
    echo 'module crictl'
    sed -n '/^go /p;/^require (/,/^)/p' "$(field GoMod)"
    echo "require sigs.k8s.io/cri-tools $version"
} >go.mod
cp "$(field Dir)/go.sum" .
chmod u+w go.sum
printf '//go:build tools\n\npackage tools\n\nimport _ "sigs.k8s.io/cri-tools/cmd/crictl"\n' >tools.go
GOFLAGS=-mod=mod go build -trimpath -buildvcs=false -ldflags "-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=$version" \
    -o "$out/crictl" sigs.k8s.io/cri-tools/cmd/crictl
