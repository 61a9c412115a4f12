#!/bin/sh
# Manual pages: cnictl's from its command line (clap's own words), the sidecar's from what its --help says.
#
#   packaging/man.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
. packaging/facts.sh
out=$1
day=$(date -u -d "@$EPOCH" +%F)
rm -rf "$out"
mkdir -p "$out"
# Of the whole workspace and unoptimised: then `make test` builds nothing twice for it.
cargo build --quiet --workspace --example man
"${CARGO_TARGET_DIR:-target}/${CARGO_BUILD_TARGET:-}/debug/examples/man" "$out" "$day"

# The help is: program and version, a sentence, `Usage:`, then names in the second column with what they are behind them or
# below.
dist/bgp-sidecar --help | awk -v source="manx $VERSION" -v day="$day" '
    function plain(text) { gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); sub(/^[.\x27]/, "\\\\\\&&", text); return text }
    NR == 1 || $0 == "" { next }
    NR == 3 {
        printf ".TH bgp-sidecar 8 \"%s\" \"%s\" Manx\n.SH NAME\nbgp\\-sidecar \\- %s\n", day, source, plain($0)
        next
    }
    /^Usage: / { printf ".SH SYNOPSIS\n%s\n.SH OPTIONS\n", plain(substr($0, 8)); next }
    /^[0-9]+ keys/ { printf ".SH SETTINGS\n%s\n", plain($0); next }
    /^ ? ?--[a-z]/ {
        sub(/^ */, "")
        at = match($0, /  +/)
        name = at ? substr($0, 1, at - 1) : $0
        printf ".TP\n.B %s\n%s\n", plain(name), at ? plain(substr($0, at + RLENGTH)) : "print the version; print this"
        next
    }
    /^  [^ ]/ { printf ".TP\n.B %s\n", plain(substr($0, 3)); below = 0; next }
    { sub(/^ */, ""); if (below++) print ".br"; print plain($0) }
' >"$out/bgp-sidecar.8"
