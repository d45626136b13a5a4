package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

const (
	apiLimit    = 4 * time.Second // a question to LiveKit's API
	cleanLimit  = 1500 * time.Millisecond
	endedLimit  = time.Second     // from a session's DELETE until LiveKit says that its ingress is free
	reportLimit = 5 * time.Second // from connecting to the first receiver report
	settle      = 2 * time.Second // of a session, before its loss means anything
	seenLimit   = 5 * time.Second
	tokenLife   = 2 * time.Minute
)

// identity is the participant's in the room: another than the camera's own, which
// LiveKit would throw out.
func (t *Target) identity() string { return "rtsp2whip-doctor-" + t.Camera }

func (t *Target) spec() ingress.Spec {
	return ingress.Spec{
		Name: ingress.Marker("rtsp2whip-doctor", t.Room+"/"+t.Camera), Room: t.Room, Identity: t.identity(),
		DisplayName: "test of " + t.Camera, WHIPURL: t.WHIPURL,
	}
}

// far looks at everything behind the box.
func (e *exam) far(ctx context.Context) {
	var once sync.Once
	enough := func() { once.Do(func() { close(e.enough) }) }
	defer enough()
	defer func() {
		for _, p := range []Part{LiveKit, Session, Room} {
			e.sheet.close(p)
		}
	}()
	t := e.cfg.Target
	at, made, ok := e.livekit(ctx, t)
	e.sheet.close(LiveKit)
	if made != "" {
		defer e.clean(t, made)
	}
	if !ok {
		return
	}
	if t.Via == SDK {
		e.bySDK(ctx, t, at, enough)
		return
	}
	if e.reach(ctx, Session, at.endpoint, t.Media.TLS) && e.hasPicture(ctx) {
		e.byWHIP(ctx, t, at, enough)
	}
}

// place is where a session begins.
type place struct {
	endpoint string
	token    func(context.Context) (string, error)
}

// hasPicture waits for the camera. What it does not send cannot be published.
func (e *exam) hasPicture(ctx context.Context) bool {
	select {
	case <-e.flowing:
		return true
	case <-e.blind:
	case <-ctx.Done():
	}
	return false
}

// livekit finds the place, and looks at LiveKit on the way. made is the ingress that
// has to be deleted again.
func (e *exam) livekit(ctx context.Context, t *Target) (at place, made string, ok bool) {
	if t.Via == WHIP {
		return place{t.Endpoint, whip.StaticToken(t.Token)}, "", true
	}
	server := t.LiveKitURL
	put := func(step string, r Result) { e.sheet.put(LiveKit, step, r) }
	if t.Tokens != nil {
		return e.issued(ctx, t, put)
	}
	if !e.reach(ctx, LiveKit, server, t.LiveKitTLS) || !e.grants(ctx, t, put) {
		return place{}, "", false
	}
	if t.Via == Ingress {
		return e.ingress(ctx, t, put)
	}
	spec := t.spec()
	token, err := t.LiveKit.RoomToken(spec, tokenLife)
	if err != nil {
		put(stepToken, bad(0, err, ""))
		return place{}, "", false
	}
	put(stepToken, good(0, fmt.Sprintf("made for room %s, as %s", t.Room, t.identity()), Facts{"room": t.Room, "identity": t.identity(), "bytes": len(token)}))
	at = place{server, func(context.Context) (string, error) { return t.LiveKit.RoomToken(spec, tokenLife) }}
	if t.Via == Server {
		return e.serverEndpoint(t, server, at, put)
	}
	return at, "", true
}

func (e *exam) serverEndpoint(t *Target, server string, at place, put func(string, Result)) (place, string, bool) {
	at.endpoint = t.Endpoint
	if at.endpoint == "" {
		var err error
		if at.endpoint, err = ingress.ServerWHIPURL(server); err != nil {
			put(stepToken, bad(0, err, ""))
			return place{}, "", false
		}
	}
	return at, "", true
}

// grants asks LiveKit what the target needs to be allowed.
func (e *exam) grants(ctx context.Context, t *Target, put func(string, Result)) bool {
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	began := time.Now()
	who, err := t.LiveKit.Participants(ctx, t.Room)
	if err != nil {
		put(stepGrants, bad(time.Since(began), err, "check the API key and secret"))
		return false
	}
	text, facts := "may look into room "+t.Room, Facts{"room": t.Room, "participants": len(who)}
	if t.Via == Ingress {
		if _, err := t.LiveKit.List(ctx, t.Room); err != nil {
			put(stepGrants, bad(time.Since(began), err, "check the API key's rights"))
			return false
		}
		text = "may manage ingresses, and look into room " + t.Room
	}
	put(stepGrants, good(time.Since(began), fmt.Sprintf("%s (%d in it now)", text, len(who)), facts))
	return true
}

// ingress makes one for the test.
func (e *exam) ingress(ctx context.Context, t *Target, put func(string, Result)) (place, string, bool) {
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	began := time.Now()
	end, err := t.LiveKit.Ensure(ctx, t.spec())
	if err != nil {
		put(stepIngress, bad(time.Since(began), err, ""))
		return place{}, "", false
	}
	put(stepIngress, good(time.Since(began), "made one for this test, as "+t.identity(), Facts{"identity": t.identity()}))
	return place{end.URL, whip.StaticToken(end.StreamKey.Reveal())}, end.IngressID, true
}

// clean deletes the ingress of the test, also when the run was interrupted.
func (e *exam) clean(t *Target, id string) {
	began := time.Now()
	e.ended(t, id)
	ctx, cancel := context.WithTimeout(context.Background(), cleanLimit)
	defer cancel()
	if err := t.LiveKit.Delete(ctx, id); err != nil {
		e.sheet.put(Room, stepClean, bad(time.Since(began), err, "delete the ingress "+id+" at LiveKit (lk ingress delete), or run this again"))
		return
	}
	e.sheet.put(Room, stepClean, good(time.Since(began), "nothing is left at LiveKit", nil))
}

// ended waits until LiveKit has taken note of the session's end. Until then it would ask
// the session itself to end, which is over, and wait for seconds for its answer.
func (e *exam) ended(t *Target, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), endedLimit)
	defer cancel()
	wait(ctx, nil, endedLimit, func() (struct{}, bool) {
		all, err := t.LiveKit.List(ctx, t.Room)
		live := slices.ContainsFunc(all, func(i ingress.Info) bool { return i.ID == id && i.State.Live() })
		return struct{}{}, err != nil || !live
	})
}

// issued asks for a token that others make.
func (e *exam) issued(ctx context.Context, t *Target, put func(string, Result)) (place, string, bool) {
	began := time.Now()
	tctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	token, err := t.Tokens.Token(tctx)
	took := time.Since(began)
	server := t.LiveKitURL
	if err == nil && token.ServerURL != "" {
		server = token.ServerURL
	}
	if server != "" && !e.reach(ctx, LiveKit, server, t.LiveKitTLS) {
		return place{}, "", false
	}
	if err != nil {
		put(stepToken, bad(took, err, ""))
		return place{}, "", false
	}
	r := good(took, fmt.Sprintf("for room %s, as %s", token.Room, token.Identity), Facts{"room": token.Room, "identity": token.Identity})
	if !token.Expires.IsZero() {
		r.Text += ", until " + token.Expires.UTC().Format("2006-01-02 15:04") + " UTC"
		r.Facts["expires"] = token.Expires.UTC().Format(time.RFC3339)
	}
	put(stepToken, r)
	at := place{server, func(ctx context.Context) (string, error) {
		fresh, err := t.Tokens.Token(ctx)
		return fresh.Reveal(), err
	}}
	if t.Via == Server {
		return e.serverEndpoint(t, server, at, put)
	}
	return at, "", true
}

// seen waits until LiveKit shows the participant with its video.
func (e *exam) seen(ctx context.Context, t *Target, over <-chan struct{}, began time.Time) {
	if t.LiveKit == nil || t.Via == WHIP {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	var last error
	tick := time.NewTicker(400 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := t.LiveKit.Participant(ctx, t.Room, t.identity())
		switch {
		case err == nil && p.Active() && p.Publishes("video"):
			e.sheet.put(Room, stepSeen, good(time.Since(began), fmt.Sprintf("%s is in room %s with video", p.Identity, t.Room),
				Facts{"room": t.Room, "identity": p.Identity, "kind": p.Kind}))
			return
		case err == nil && p.Active():
			last = errors.New("it is in the room, but without video")
		case err == nil:
			last = errors.New("it is in the room, but not connected: " + p.State)
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		case <-over:
		}
		if last == nil {
			last = errors.New("LiveKit does not show it")
		}
		e.sheet.put(Room, stepSeen, bad(time.Since(began), last,
			"look into LiveKit's log: the session is connected, but LiveKit passes no picture on"))
		return
	}
}

// postWatch notes when a WHIP endpoint has answered the POST.
type postWatch struct {
	next http.RoundTripper
	mu   sync.Mutex
	took time.Duration
	code int
}

// RoundTrip implements http.RoundTripper.
func (p *postWatch) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	res, err := p.next.RoundTrip(r)
	if r.Method == http.MethodPost {
		p.mu.Lock()
		p.took = time.Since(began)
		if err == nil {
			p.code = res.StatusCode
		}
		p.mu.Unlock()
	}
	return res, err
}

func (p *postWatch) answered() (time.Duration, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.took, p.code
}
