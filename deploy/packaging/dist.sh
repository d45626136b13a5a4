#!/usr/bin/env bash
# Everything that a release consists of, into dist/: binaries in archives, Debian
# and RPM packages, the list of what is in them (CycloneDX), the licences of others,
# checksums. The same commit and the same Go give the same bytes: nothing here
# depends on the time, the user or the directory.
#
#   dist.sh [VERSION]
set -euo pipefail
export LC_ALL=C TZ=UTC
cd "$(dirname "$0")/../.."

version=${1:-$(git describe --tags --always --dirty)}
# The time of the commit stands for the time of the build.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# Packages want a version that begins with a digit.
package_version=${version#v}
case $package_version in
[0-9]*.*) ;;
*) package_version="0.0.0~$package_version" ;;
esac
package_version=${package_version//-/+}

platforms=(linux/amd64 linux/arm64 linux/armv7 darwin/amd64 darwin/arm64 windows/amd64)

rm -rf dist
mkdir -p dist
# Copies get the modes that an umask would otherwise choose.
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd tools && GOFLAGS='' go build -o "$work/" ./licenses &&
    GOFLAGS='' go build -o "$work/" github.com/goreleaser/nfpm/v2/cmd/nfpm github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod)

echo "dist: notices and contents"
"$work/licenses" -C . -platforms linux/amd64,linux/arm64,linux/arm,darwin/arm64,windows/amd64 ./cmd/rtsp2whip \
    >dist/THIRD-PARTY-LICENSES.txt
# -noserial: the serial number would be a random one.
CGO_ENABLED=0 "$work/cyclonedx-gomod" app -json -licenses -noserial -main cmd/rtsp2whip -output dist/rtsp2whip.cdx.json . 2>"$work/sbom.log" ||
    { cat "$work/sbom.log" >&2; exit 1; }
sed -i "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)\"/" dist/rtsp2whip.cdx.json

for platform in "${platforms[@]}"; do
    os=${platform%/*} arch=${platform#*/}
    name=rtsp2whip_${version}_${os}_${arch}
    echo "dist: $name"
    goarch=$arch suffix=
    [ "$arch" = armv7 ] && goarch=arm
    [ "$os" = windows ] && suffix=.exe
    mkdir -p "$work/$name"
    CGO_ENABLED=0 GOOS=$os GOARCH=$goarch GOARM=7 go build -trimpath -buildvcs=false \
        -ldflags "-s -w -X main.version=$version" -o "$work/$name/rtsp2whip$suffix" ./cmd/rtsp2whip
    cp README.md CHANGELOG.md LICENSE dist/THIRD-PARTY-LICENSES.txt internal/site/example.yaml "$work/$name/"
    chmod 644 "$work/$name"/*
    chmod 755 "$work/$name/rtsp2whip$suffix"
    tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --format=ustar -cf - "$name" | gzip -9n >"dist/$name.tar.gz"
    [ "$os" = linux ] || continue
    package_arch=$arch
    [ "$arch" = armv7 ] && package_arch=arm7
    for packager in deb rpm; do
        PACKAGE_ARCH=$package_arch PACKAGE_VERSION=$package_version BINARY=$work/$name/rtsp2whip \
            NOTICES=dist/THIRD-PARTY-LICENSES.txt \
            "$work/nfpm" package -f deploy/packaging/nfpm.yaml -p "$packager" -t dist/ >"$work/nfpm.log" ||
            { cat "$work/nfpm.log" >&2; exit 1; }
    done
done
(cd dist && sha256sum -- * >SHA256SUMS && cat SHA256SUMS)
