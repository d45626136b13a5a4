// Command bench measures rtsp2whip beside MediaMTX: the same simulated cameras,
// the same WHIP receiver, the same machine, one after the other and again in
// turn. Run it as `make bench`; docs/benchmarks.md holds what it found and says
// how it measures.
//
// It starts copies of itself for the cameras and for the receiver, so that what
// they cost is told apart from what the program under test costs.
package main
