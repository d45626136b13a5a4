#!/bin/sh
# Before removing, but not before an update: Debian says "remove", RPM 0.
set -e
case "${1:-}" in
remove | 0)
    if [ -d /run/systemd/system ]; then
        systemctl disable --now rtsp2whip.service
    fi
    ;;
esac
