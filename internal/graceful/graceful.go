// Package graceful ends PeerConnections that may be about to connect.
package graceful

import (
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// patience bounds the wait for a DTLS handshake to end.
	patience = 2 * time.Second
	// pace is how often to look. There is no event for it that could not be taken
	// from the owner of the PeerConnection.
	pace = 2 * time.Millisecond
)

// Close ends a PeerConnection and waits for the goroutines that it has started.
//
// PeerConnection.GracefulClose (pion/webrtc v4.2.20) alone can wait for itself, for
// good: DTLSTransport.Stop ends the SRTP sessions under a lock, they wait for their
// reader, the reader waits until somebody takes the first packet of an SSRC that is
// new to it, and whoever would take it is started only after that lock was had once
// more. That can happen from the end of the DTLS handshake until the connection
// state changes, which is waited for.
func Close(pc *webrtc.PeerConnection) error {
	for end := time.Now().Add(patience); connecting(pc) && time.Now().Before(end); {
		time.Sleep(pace)
	}
	return pc.GracefulClose()
}

// connecting reports that DTLS may be done at any moment.
func connecting(pc *webrtc.PeerConnection) bool {
	switch pc.ICEConnectionState() {
	case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
		return pc.ConnectionState() == webrtc.PeerConnectionStateConnecting
	default:
		return false
	}
}
