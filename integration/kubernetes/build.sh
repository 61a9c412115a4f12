#!/bin/sh
# Kubernetes from the Go module proxy: neither a checkout of its sources nor a registry is asked.
#   usage: build.sh OUT_DIR VERSION PROGRAM...        e.g. build.sh target/tools/kubernetes-v1.37.2 v1.37.2 kubelet kubectl
# k8s.io/kubernetes requires its 30-odd staging modules as v0.0.0: here they are those published of the same release. One compiler
# at a time (GOFLAGS says otherwise): its linkers want 2 GiB each.
set -eu
out=$(realpath -m "$1")
version=$2
shift 2
staging=v0.${version#v1.}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=mod ${GOFLAGS:--p=1}"

described=$(go mod download -json "k8s.io/kubernetes@$version")
field() { printf '%s\n' "$described" | sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p"; }
mod=$(field GoMod)
commit=$(field Hash)
{
    echo 'module kubernetes'
    sed -n '/^go /p;/^godebug /p;/^godebug (/,/^)/p' "$mod"
    # What Kubernetes itself requires, so that the choice of versions ends where its own did.
    sed -n '/^require (/,/^)/p' "$mod" | sed "s| v0\.0\.0$| $staging|"
    echo "require k8s.io/kubernetes $version"
    echo 'replace ('
    awk '$2 == "v0.0.0" { print $1 }' "$mod" | sort -u | sed "s|.*|    & => & $staging|"
    echo ')'
} >go.mod
cp "$(field Dir)/go.sum" .
chmod u+w go.sum

{
    printf '//go:build tools\n\npackage tools\n\nimport (\n'
    for p; do echo "    _ \"k8s.io/kubernetes/cmd/$p\""; done
    echo ')'
} >tools.go

minor=${version#v1.}
flags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags="$flags -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
    flags="$flags -X $package.gitTreeState=clean -X $package.gitCommit=${commit:-unknown} -X $package.buildDate=1970-01-01T00:00:00Z"
done
for p; do
    echo "building $p $version"
    go build -trimpath -buildvcs=false -ldflags "$flags" -o "$out/$p" "k8s.io/kubernetes/cmd/$p"
done
