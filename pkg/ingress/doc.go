// Package ingress is rtsp2whip's way to LiveKit's server API: it finds or makes
// the WHIP ingress of a camera, mints tokens, and asks who is in a room.
//
// It is built on livekit/server-sdk-go. What it adds is what a box that runs
// for years needs around those calls: an ingress is never made twice for the
// same camera although LiveKit does not know idempotent requests, a live
// ingress is not touched unless something differs, and every failure is one
// sentence with a hint for the person who can mend it.
package ingress
