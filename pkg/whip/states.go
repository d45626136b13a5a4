package whip

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pion/ice/v4"
)

// states turns what the ICE agent and DTLS tell, on goroutines of their own, into a
// few events.
type states struct {
	connected chan struct{} // ICE is up, and the keys of DTLS are in use
	silent    chan struct{} // nothing is heard any more; holds one token
	lost      chan struct{} // and never again

	mu          sync.Mutex
	isConnected bool
	isLost      bool
	iceUp       bool // ICE was up at some time
	why         string
}

func (st *states) prepare() {
	st.connected, st.lost = make(chan struct{}), make(chan struct{})
	st.silent = make(chan struct{}, 1)
}

// ice is told by the agent.
func (st *states) ice(state ice.ConnectionState) {
	switch state {
	case ice.ConnectionStateConnected, ice.ConnectionStateCompleted:
		st.mu.Lock()
		st.iceUp = true
		st.mu.Unlock()
	case ice.ConnectionStateDisconnected:
		// Not waiting for "failed": by then viewers have seen a frozen picture
		// for half a minute.
		st.silence()
	case ice.ConnectionStateFailed:
		st.lose("ice")
	default:
	}
}

// connect is told when packets can be sent.
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
