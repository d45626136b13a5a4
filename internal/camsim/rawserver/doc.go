// Package rawserver is an RTSP server that breaks the rules on purpose: it does
// what the simulated cameras need and an RTSP library will not do. A [Server]
// plays a clip and has [Faults]; a [Replay] answers with recorded responses.
//
// It is written without an RTSP library, so that nothing corrects what it sends.
package rawserver
