#!/bin/sh
# Everything that is given away: programs, conf, documents, package and image, a list of what is inside, with their sums.
#
#   packaging/dist.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
. packaging/facts.sh
[ -e dist/man/cnictl.1 ] || { echo 'dist/man is not there: run `make man`' >&2; exit 1; }
mkdir -p "$1"
out=$(cd "$1" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/manx-$VERSION
mkdir -p "$tree/bin"
for program in $PROGRAMS; do install -m 755 "dist/$program" "$tree/bin/$program"; done
cp -R LICENSE README.md CHANGELOG.md SECURITY.md docs conf dist/man "$tree/"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$EPOCH" -cf - "manx-$VERSION" |
    gzip -9n >"$out/manx-$VERSION-linux-$ARCH.tar.gz"
packaging/deb.sh "$out/manx_${VERSION}_$ARCH.deb"
packaging/image.sh "$out/manx-$VERSION-$ARCH.oci.tar"
triple=${CARGO_BUILD_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
packaging/sbom.sh "$out/manx-$VERSION.cdx.json" "$triple"
cd "$out"
sha256sum "manx-$VERSION-linux-$ARCH.tar.gz" "manx_${VERSION}_$ARCH.deb" "manx-$VERSION-$ARCH.oci.tar" \
    "manx-$VERSION.cdx.json" >SHA256SUMS
