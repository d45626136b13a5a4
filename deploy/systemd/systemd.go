// Package systemd holds the files by which systemd runs the program as a service.
// Packages install them as they are; `rtsp2whip install` writes them where there is
// no package.
package systemd

import _ "embed"

// Unit is the service: rtsp2whip run as a user of its own, in a sandbox, with the
// secrets of /etc/rtsp2whip/secrets as credentials.
//
//go:embed rtsp2whip.service
var Unit string

// User is the sysusers.d file that declares the service's user.
//
//go:embed rtsp2whip.sysusers
var User string
