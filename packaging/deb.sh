#!/bin/sh
# The Debian package: the four programs of dist/, the sidecar's unit, examples, documents and manual pages.
#
#   packaging/deb.sh OUT.deb
#
# The plugins go where Debian's own are (/usr/lib/cni). A runtime that looks elsewhere has them from `cnictl install`.
set -eu
cd "$(dirname "$0")/.."
. packaging/facts.sh
[ -e dist/man/cnictl.1 ] || { echo 'dist/man is not there: run `make man`' >&2; exit 1; }
out=$1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
put() { install -D -m "$1" "$2" "$work/$3"; }

put 755 dist/cnictl usr/bin/cnictl
put 755 dist/bgp-sidecar usr/sbin/bgp-sidecar
put 755 dist/cni-net usr/lib/cni/cni-net
put 755 dist/cni-ipam usr/lib/cni/cni-ipam
put 644 conf/iproute2/manx.conf etc/iproute2/rt_protos.d/manx.conf
mkdir -p "$work/lib/systemd/system"
sed 's|/usr/local/bin/|/usr/sbin/|' conf/systemd/bgp-sidecar.service >"$work/lib/systemd/system/bgp-sidecar.service"
for document in README.md CHANGELOG.md docs/*.md; do put 644 "$document" "usr/share/doc/manx/${document##*/}"; done
(cd conf && find . -type f) | while read -r file; do put 644 "conf/$file" "usr/share/doc/manx/examples/$file"; done
for page in dist/man/*.[1-8]; do
    put 644 "$page" "usr/share/man/man${page##*.}/${page##*/}"
    gzip -9n "$work/usr/share/man/man${page##*.}/${page##*/}"
done
{
    echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
    echo 'Files: *'
    echo 'Copyright: the authors of Manx'
    echo 'License: Apache-2.0'
    echo ' On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.'
} >"$work/usr/share/doc/manx/copyright"

for script in postinst prerm postrm; do put 755 "packaging/debian/$script" "DEBIAN/$script"; done
echo /etc/iproute2/rt_protos.d/manx.conf >"$work/DEBIAN/conffiles"
size=$(du -sk --exclude=DEBIAN "$work" | cut -f 1)
sed -e "s/@VERSION@/$VERSION/; s/@ARCH@/$ARCH/; s/@SIZE@/$size/" packaging/debian/control >"$work/DEBIAN/control"
chmod 644 "$work/DEBIAN/control" "$work/DEBIAN/conffiles" "$work/usr/share/doc/manx/copyright" \
    "$work/lib/systemd/system/bgp-sidecar.service"
find "$work" -type d -exec chmod 755 {} +
find "$work" -exec touch -h -d "@$EPOCH" {} +
dpkg-deb --root-owner-group -Zgzip -z6 --build "$work" "$out" >/dev/null
