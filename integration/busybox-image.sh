#!/bin/sh
# A tiny OCI image from Debian's static busybox, without a registry: localhost/busybox:1. Its own command waits for ever, so
# that it serves as the image of sandboxes, too.
#   usage: busybox-image.sh OUT.tar
set -eu
out=$(realpath -m "$1")
busybox=$(command -v busybox)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p root/bin root/etc root/tmp root/proc root/sys root/dev root/var/www oci/blobs/sha256
cp "$busybox" root/bin/busybox
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "root/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' >root/etc/passwd
echo 'root:x:0:' >root/etc/group
chmod 1777 root/tmp

# Puts a file among the blobs; its digest and size.
blob() {
    digest=$(sha256sum <"$1" | cut -c1-64)
    cp "$1" "oci/blobs/sha256/$digest"
    printf '"digest": "sha256:%s", "size": %d' "$digest" "$(stat -c %s "$1")"
}
archive() {
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$@"
}
case $(uname -m) in aarch64) architecture=arm64 ;; *) architecture=amd64 ;; esac
oci=application/vnd.oci.image

archive -C root -cf layer.tar .
diff=$(sha256sum <layer.tar | cut -c1-64)
gzip -n9 layer.tar
cat >config.json <<END
{"architecture": "$architecture", "os": "linux",
 "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "infinity"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$diff"]}}
END
cat >manifest.json <<END
{"schemaVersion": 2, "mediaType": "$oci.manifest.v1+json",
 "config": {"mediaType": "$oci.config.v1+json", $(blob config.json)},
 "layers": [{"mediaType": "$oci.layer.v1.tar+gzip", $(blob layer.tar.gz)}]}
END
cat >oci/index.json <<END
{"schemaVersion": 2, "manifests": [{"mediaType": "$oci.manifest.v1+json", $(blob manifest.json),
 "annotations": {"io.containerd.image.name": "localhost/busybox:1", "org.opencontainers.image.ref.name": "1"}}]}
END
echo '{"imageLayoutVersion": "1.0.0"}' >oci/oci-layout
mkdir -p "$(dirname "$out")"
archive -C oci -cf "$out.new" oci-layout index.json blobs
mv "$out.new" "$out"
