#!/bin/sh
# What is inside the programs, as a CycloneDX 1.5 document: each crate that is linked, with version, licence and the registry's sum.
#
#   packaging/sbom.sh FILE TRIPLE
set -eu
cd "$(dirname "$0")/.."
. packaging/facts.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo metadata --format-version 1 --locked --filter-platform "$2" >"$work/metadata.json"
# Name, version and sum of each entry of the lock file that has one.
awk -F '"' '
    /^\[\[package\]\]/ { name = version = "" }
    /^name = / { name = $2 }
    /^version = / { version = $2 }
    /^checksum = / { printf "{\"%s@%s\": \"%s\"}\n", name, version, $2 }' Cargo.lock | jq -s add >"$work/sums.json"
jq --sort-keys --arg version "$VERSION" --arg commit "$COMMIT" --arg programs "$PROGRAMS" \
    --arg time "$(date -u -d "@$EPOCH" +%Y-%m-%dT%H:%M:%SZ)" --slurpfile sums "$work/sums.json" \
    -f packaging/sbom.jq "$work/metadata.json" >"$1"
