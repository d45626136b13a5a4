package whip

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pion/webrtc/v4"
)

// states turns the WebRTC library's state changes, which come on goroutines of
// their own and in no certain order, into two events.
type states struct {
	connected chan struct{} // ICE and DTLS are up
	silent    chan struct{} // nothing is heard any more; holds one token
	lost      chan struct{} // and never again

	mu          sync.Mutex
	isConnected bool
	isLost      bool
	iceUp       bool // ICE was up at some time
	why         string
}

func (st *states) watch(pc *webrtc.PeerConnection) {
	st.connected, st.lost = make(chan struct{}), make(chan struct{})
	st.silent = make(chan struct{}, 1)
	pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		switch state {
		case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
			st.mu.Lock()
			st.iceUp = true
			st.mu.Unlock()
		case webrtc.ICEConnectionStateDisconnected:
			// Not waiting for "failed": by then viewers have seen a frozen picture
			// for half a minute.
			st.silence()
		case webrtc.ICEConnectionStateFailed:
			st.lose("ice")
		default:
		}
	})
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			st.connect()
		case webrtc.PeerConnectionStateFailed:
			st.lose("failed")
		case webrtc.PeerConnectionStateClosed:
			st.lose("closed") // by DTLS close_notify; our own close is not waited for here
		default:
		}
	})
}

func (st *states) connect() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.isConnected {
		st.isConnected, st.iceUp = true, true
		close(st.connected)
	}
}

// silence is the end of a session that is not connected yet; a connected one may
// find another path.
func (st *states) silence() {
	st.mu.Lock()
	connected := st.isConnected
	st.mu.Unlock()
	if !connected {
		st.lose("silent")
		return
	}
	select {
	case st.silent <- struct{}{}:
	default:
	}
}

func (st *states) lose(why string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.isLost {
		st.isLost, st.why = true, why
		close(st.lost)
	}
}

func (st *states) hadICE() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.iceUp
}

// reason is the error of a connected session that was lost.
func (st *states) reason(s *Session) error {
	st.mu.Lock()
	why := st.why
	st.mu.Unlock()
	e := &Error{Op: "session", URL: s.client.Endpoint()}
	switch why {
	case "silent":
		e.Err = fmt.Errorf("nothing heard from the server for %v", s.client.cfg.Timeouts.Disconnect)
		e.hint = "check the network between this machine and the server"
	case "closed":
		e.Err = errors.New("the server closed the session")
		e.hint = "see the server's log; another publisher with the same key may have taken over"
	default:
		e.Err = errors.New("the connection failed")
		e.hint = "check the network between this machine and the server"
	}
	return e
}
