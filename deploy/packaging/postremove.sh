#!/bin/sh
# The user stays, as is the custom: files may still be its own.
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
