// Command soak runs rtsp2whip with many simulated cameras beside a real
// livekit-server, and makes a fault every few seconds: cameras that reboot, fall
// silent or lose packets, a server that is killed, an address that changes. Then it
// judges: is every camera back, was every gap that fault's, is memory flat, is the
// room as it should be? Run it as `make soak`; docs/reliability.md holds what it
// found and says how it judges.
//
// It runs in a network namespace of its own. The cameras are another process of the
// same program.
package main
