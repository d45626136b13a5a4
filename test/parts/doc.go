// Package parts starts the real programs that the end-to-end tests put around
// rtsp2whip: MediaMTX, Redis, livekit-server, LiveKit Ingress, Chromium, and
// rtsp2whip itself. Each runs on free loopback ports with a configuration of
// its own, writes its output to a file, can be killed and started again in the
// middle of a test, and is gone when the test ends.
//
// test/setup.sh puts the programs where this package looks for them. One that
// is missing fails the test and says so; no test is skipped.
package parts
