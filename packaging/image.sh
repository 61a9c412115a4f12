#!/bin/sh
# The OCI image, from scratch: the four programs of dist/ and nothing else. No registry is asked.
#
#   packaging/image.sh OUT.tar [NAME]      NAME is docker.io/library/manx:VERSION unless told
#
# There is no entrypoint: a container's command is a program's name (cnictl, bgp-sidecar) and its words.
set -eu
cd "$(dirname "$0")/.."
. packaging/facts.sh
out=$1
name=${2:-docker.io/library/manx:$VERSION}

work=$(mktemp -d)
# As root no user namespace is needed, and none is there in many a container.
buildah() { command buildah --storage-driver vfs --root "$work/root" --runroot "$work/run" "$@"; }
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/tree/usr/bin" "$work/tree/usr/share/doc/manx"
for program in $PROGRAMS; do
    install -m 755 "dist/$program" "$work/tree/usr/bin/$program"
done
install -m 644 LICENSE "$work/tree/usr/share/doc/manx/LICENSE"

container=$(buildah from scratch)
buildah copy --quiet "$container" "$work/tree" / >/dev/null
buildah config --arch "$ARCH" --os linux \
    --env PATH=/usr/bin --cmd '["cnictl", "--help"]' --workingdir / \
    --label org.opencontainers.image.title=manx \
    --label org.opencontainers.image.version="$VERSION" \
    --label org.opencontainers.image.revision="$COMMIT" \
    --label org.opencontainers.image.licenses=Apache-2.0 \
    "$container"
rm -f "$out"
buildah commit --quiet --rm --disable-compression=false --format oci --timestamp "$EPOCH" "$container" "oci-archive:$out:$name" >/dev/null
