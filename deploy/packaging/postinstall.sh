#!/bin/sh
# After installing or updating: the service's user owns nothing and may read the
# site's file; a service that runs takes up the new program.
set -e
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers /usr/lib/sysusers.d/rtsp2whip.conf
elif ! getent passwd rtsp2whip >/dev/null; then
    useradd --system --no-create-home --home-dir / --shell /usr/sbin/nologin --user-group rtsp2whip
fi
chgrp rtsp2whip /etc/rtsp2whip /etc/rtsp2whip/site.yaml
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart rtsp2whip.service
fi
