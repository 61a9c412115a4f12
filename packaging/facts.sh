# What every package says of itself. Sourced by the scripts beside it, at the repository's root.
PROGRAMS='cni-net cni-ipam bgp-sidecar cnictl'
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
COMMIT=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
# The same commit gives the same octets.
EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH="$EPOCH"
ARCH=$(dpkg --print-architecture)
