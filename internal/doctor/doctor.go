// Package doctor runs a camera's whole chain once, from the box to the room that
// shows the picture, and tells of each step whether it works, how long it took, and
// what to do if it does not.
//
// It leaves nothing behind: the RTSP session ends with TEARDOWN, the WHIP session with
// DELETE, and an ingress that was made for the test is deleted. In a LiveKit room it
// goes by a name of its own, so that the camera's own participant is not thrown out.
package doctor

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/keyframe"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// Limit is the longest that Run takes.
const Limit = 15 * time.Second

// Of it, working takes no longer than this; the rest is for ending sessions.
const working = 10500 * time.Millisecond

// Config says what to look at.
type Config struct {
	// Source is the camera. DialContext, OnBlock and the timeouts are Run's own.
	Source rtspsrc.Config
	// Web is what asking for key frames over HTTP needs to know, and KeyFrame how the
	// site's file wants the camera to be asked; "" for auto.
	Web      keyframe.Camera
	KeyFrame string
	// DropsBFrames tells that B-frames are left out, where they otherwise bar a camera.
	DropsBFrames bool
	// Audio tells that sound is wanted.
	Audio bool
	// Target is where the camera goes; nil: nowhere, only the camera is looked at.
	Target *Target

	Log *slog.Logger // nil: no log
}

// Via is the kind of a target.
type Via string

// The kinds of targets.
const (
	WHIP    Via = "whip"    // any WHIP endpoint
	Server  Via = "server"  // livekit-server's own WHIP endpoint
	Ingress Via = "ingress" // LiveKit Ingress
	SDK     Via = "sdk"     // as LiveKit's own clients do
)

// Target is where a camera goes.
type Target struct {
	Via Via
	// Media is everything but endpoint and token of sessions that go by WHIP.
	Media whip.Config

	// Endpoint and Token are a WHIP endpoint's; of Server only Endpoint, and only if it
	// is another than the usual one.
	Endpoint string
	Token    string

	// LiveKitURL is the server's, and LiveKitTLS how its certificate is judged.
	LiveKitURL string
	LiveKitTLS whip.TLS
	LiveKit    *ingress.Client // nil: no API key
	Tokens     ingress.IssuedTokens
	// Camera and Room name what is tested; WHIPURL replaces what LiveKit returns.
	Camera, Room, WHIPURL string
}

// exam is one run.
type exam struct {
	cfg   Config
	sheet *sheet
	feed  *feed
	log   *slog.Logger

	flowing chan struct{} // closed when video flows and is known well enough to offer
	blind   chan struct{} // closed when it is certain that it will not
	// profile tells how the video is offered; set before flowing is closed.
	profile func() (codec, profile string, width, height int)
	enough  chan struct{} // closed when the far end needs no more video
}

// Run looks at everything, step by step, and returns within Limit. emit is told each
// result, in order, as soon as it and those before are known; it may be nil. When ctx
// ends, Run ends the sessions and returns what it has.
func Run(ctx context.Context, cfg Config, emit func(Result)) Report {
	began := time.Now()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &exam{
		cfg: cfg, sheet: newSheet(plan(cfg), emit), log: cfg.Log,
		flowing: make(chan struct{}), blind: make(chan struct{}), enough: make(chan struct{}),
	}
	ctx, cancel := context.WithTimeout(ctx, working)
	defer cancel()
	var side sync.WaitGroup
	side.Go(func() { e.box(); e.sheet.close(Box) })
	if cfg.Target != nil {
		side.Go(func() { e.far(ctx) })
	} else {
		close(e.enough)
	}
	e.camera(ctx)
	side.Wait()
	return Report{Started: began, Took: millis(time.Since(began)), Results: e.sheet.finish()}
}

// hostPort is a URL's address to connect to.
func hostPort(u *url.URL, fallback string) (host, port string) {
	if port = u.Port(); port == "" {
		port = fallback
	}
	return u.Hostname(), port
}
