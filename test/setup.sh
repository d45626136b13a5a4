#!/bin/sh
# Puts everything that the end-to-end tests run against into a cache outside
# the repository: real servers built from source, the livekit-client bundle,
# and (as root, on Debian) the packages that those need. Does nothing and takes
# well under a second when all of it is there already.
#
#   test/setup.sh          build what is missing
#   test/setup.sh --where  print the cache directory and stop
#   test/setup.sh --bench  build what the benchmark needs: MediaMTX alone
#
# Environment: XDG_CACHE_HOME moves the cache; GOFLAGS reaches the builds.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rtsp2whip/e2e
. "$here/parts/versions.env"

if [ "${1:-}" = --where ]; then
    echo "$cache"
    exit 0
fi

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

# ---- Debian packages -------------------------------------------------------

# What the servers need to run, and LiveKit Ingress to be built (it links
# against GStreamer, also where it does not transcode).
packages="redis-server chromium coturn nftables iproute2 prometheus systemd caddy shellcheck
    fonts-dejavu-core gcc libc6-dev pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-libav"

missing_packages() {
    for p in $packages; do
        dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf '%s ' "$p"
    done
    # Node.js comes in many ways; any npm will do.
    [ "$packages" = linux-perf ] || command -v npm >/dev/null 2>&1 || printf 'nodejs npm '
}

install_packages() {
    command -v dpkg-query >/dev/null 2>&1 || {
        say "not a Debian system: make sure that redis-server, chromium, coturn, nftables, iproute2, npm, gcc, pkg-config and the GStreamer 1.0 development files are there"
        return 0
    }
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        [ "$packages" != linux-perf ] || return 0
        die "missing packages; as root: apt-get install $missing"
    fi
    say "installing: $missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # RUNLEVEL=1 keeps the package scripts from starting a Redis of their own.
    # shellcheck disable=SC2086
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# ---- servers ---------------------------------------------------------------

work=
trap '[ -z "$work" ] || { chmod -R u+w "$work" && rm -rf "$work"; }' EXIT
trap 'exit 130' INT TERM

# fresh_dir: an empty directory beside the results, so that mv is atomic.
fresh_dir() {
    work=$(mktemp -d "$cache/tmp.XXXXXX")
}

finish() { # finish BUILT RESULT
    mkdir -p "$(dirname "$2")"
    rm -rf "$2"
    mv "$1" "$2"
    chmod -R u+w "$work"
    rm -rf "$work"
    work=
}

# module_copy MODULE VERSION: a writable copy of a module out of the module
# cache in $work/src. Built in place, its own replace directives count, which
# `go install module@version` refuses.
module_copy() {
    dir=$(cd "$work" && GOWORK=off go mod download -json "$1@v$2" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
    [ -n "$dir" ] || die "cannot download $1@v$2"
    cp -R "$dir" "$work/src"
    chmod -R u+w "$work/src"
}

build_livekit_server() {
    out=$cache/bin/livekit-server-$LIVEKIT_SERVER_VERSION
    [ ! -x "$out" ] || return 0
    say "building livekit-server v$LIVEKIT_SERVER_VERSION (a few minutes)"
    fresh_dir
    (cd "$work" && GOWORK=off GOBIN="$work" go install "github.com/livekit/livekit-server/cmd/server@v$LIVEKIT_SERVER_VERSION")
    finish "$work/server" "$out"
}

build_ingress() {
    out=$cache/bin/ingress-$INGRESS_VERSION
    [ ! -x "$out" ] || return 0
    say "building LiveKit Ingress v$INGRESS_VERSION (a few minutes)"
    fresh_dir
    module_copy github.com/livekit/ingress "$INGRESS_VERSION"
    (cd "$work/src" && GOWORK=off CGO_ENABLED=1 go build -o "$work/ingress" ./cmd/server)
    finish "$work/ingress" "$out"
}

build_mediamtx() {
    out=$cache/bin/mediamtx-$MEDIAMTX_VERSION
    [ ! -x "$out" ] || return 0
    say "building MediaMTX v$MEDIAMTX_VERSION (a minute or two)"
    fresh_dir
    module_copy github.com/bluenviron/mediamtx "$MEDIAMTX_VERSION"
    # The two files that its `go generate` would make; the script for its HLS
    # page may be empty, no test opens that page.
    printf 'v%s' "$MEDIAMTX_VERSION" >"$work/src/internal/core/VERSION"
    : >"$work/src/internal/servers/hls/hls.min.js"
    (cd "$work/src" && GOWORK=off CGO_ENABLED=0 go build -o "$work/mediamtx" .)
    finish "$work/mediamtx" "$out"
}

build_go2rtc() {
    out=$cache/bin/go2rtc-$GO2RTC_VERSION
    [ ! -x "$out" ] || return 0
    say "building go2rtc v$GO2RTC_VERSION (half a minute)"
    fresh_dir
    module_copy github.com/AlexxIT/go2rtc "$GO2RTC_VERSION"
    (cd "$work/src" && GOWORK=off CGO_ENABLED=0 go build -trimpath -o "$work/go2rtc" .)
    finish "$work/go2rtc" "$out"
}

# fetch_npm PACKAGE VERSION FILE: one file of a package that stands alone, with its
# dependencies inside.
fetch_npm() {
    out=$cache/js/$1-$2
    [ ! -s "$out/$(basename "$3")" ] || return 0
    say "fetching $1 $2"
    fresh_dir
    (cd "$work" && npm pack --silent "$1@$2" >/dev/null && tar -xzf ./*.tgz)
    mkdir "$work/out"
    cp "$work/package/$3" "$work/out/"
    finish "$work/out" "$out"
}

if [ "${1:-}" = --bench ]; then
    # perf counts system calls and takes the profile; without it both are left out.
    packages=linux-perf
fi
install_packages
mkdir -p "$cache/bin" "$cache/js"
# One at a time, also where two checkouts share the cache.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$cache/lock"
    flock 9
fi
build_mediamtx
if [ "${1:-}" != --bench ]; then
    build_livekit_server
    build_ingress
    build_go2rtc
    fetch_npm livekit-client "$LIVEKIT_CLIENT_VERSION" dist/livekit-client.umd.js
    fetch_npm axe-core "$AXE_CORE_VERSION" axe.min.js
fi
say "ready in $cache"
