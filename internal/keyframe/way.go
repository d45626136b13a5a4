// Package keyframe asks a camera for key frames in the way that it honours, and
// finds out which that is. A viewer who joins needs one, and cameras send them
// every two to twenty seconds.
//
// The Chooser decides: a pure state machine that is told what has happened and
// says whom to ask next. The Asker drives it: one goroutine for each camera's
// session. The ways themselves are functions; those over HTTP are here.
package keyframe

import (
	"context"
	"errors"
)

// Way is a way to ask a camera for a key frame.
type Way string

// The ways, cheapest first: this is the order in which they are tried.
const (
	PLI     Way = "pli"     // RTCP picture loss indication, within the RTSP session
	FIR     Way = "fir"     // RTCP full intra request, within the RTSP session
	Axis    Way = "axis"    // SET_PARAMETER with Renew-Stream, within the RTSP session
	ISAPI   Way = "isapi"   // Hikvision's HTTP interface
	SUNAPI  Way = "sunapi"  // Hanwha's HTTP interface
	ONVIF   Way = "onvif"   // SetSynchronizationPoint
	Session Way = "session" // a second RTSP session, for a moment
)

var order = []Way{PLI, FIR, Axis, ISAPI, SUNAPI, ONVIF, Session}

// free reports that asking costs nothing and is never answered.
func (w Way) free() bool { return w == PLI || w == FIR }

// private reports that it needs the account, and may be refused.
func (w Way) private() bool { return !w.free() && w != Axis }

// Ask asks once. It calls sent right before the request that counts: a key frame
// that comes before is no answer. It returns when the camera has answered, or the
// request is sent where there is no answer.
type Ask func(ctx context.Context, sent func()) error

// AtOnce is an Ask of one request.
func AtOnce(ask func(context.Context) error) Ask {
	return func(ctx context.Context, sent func()) error {
		sent()
		return ask(ctx)
	}
}

// What an Ask may fail with, for errors.Is. Any other error is a passing one.
var (
	// ErrRefused: the account is not accepted. The way is not tried again.
	ErrRefused = errors.New("the camera refuses this user name or password")
	// ErrUnsupported: the camera does not know this way.
	ErrUnsupported = errors.New("the camera does not know this request")
)
