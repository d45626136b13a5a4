package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/sdkroom"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// far end of a session, as both kinds tell of it.
type proof struct {
	reported time.Time // of the newest receiver report; zero: none
	lost     float64   // part of the packets, from that report
	missing  int64     // packets since the start; -1 unknown
	rtt      time.Duration
}

// session is a connected session of either kind.
type session interface {
	outlet
	Close(ctx context.Context) error
	Done() <-chan struct{}
	Err() error
}

// byWHIP publishes the video to a WHIP endpoint.
func (e *exam) byWHIP(ctx context.Context, t *Target, at place, enough func()) {
	put := func(step string, r Result) { e.sheet.put(Session, step, r) }
	cfg := t.Media
	cfg.Endpoint, cfg.Token, cfg.Logger, cfg.NoRestart = at.endpoint, at.token, e.log, true
	cfg.Timeouts = whip.Timeouts{
		HTTP: 5 * time.Second, Gather: time.Second, Connect: 5 * time.Second, Direct: 2500 * time.Millisecond, Delete: cleanLimit,
	}
	cfg.OnKeyFrameRequest = nil
	watch := &postWatch{}
	if cfg.TLS == (whip.TLS{}) && cfg.HTTPClient == nil {
		watch.next = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
		cfg.HTTPClient = &http.Client{Transport: watch}
	}
	client, err := whip.New(cfg)
	if err != nil {
		put(stepPost, bad(0, err, "check the endpoint's URL"))
		return
	}
	codec, profile, _, _ := e.profile()
	began := time.Now()
	s, err := client.Publish(ctx, []whip.Track{{Kind: whip.Video, Codecs: []whip.Codec{{Name: codec, ProfileLevelID: profile}}}})
	took := time.Since(began)
	posted, code := watch.answered()
	if err != nil {
		e.refused(err, took, posted, code, put)
		return
	}
	put(stepPost, postedAs(posted, code))
	put(stepAnswer, good(0, "takes "+s.Codec(0).Name, Facts{"codec": s.Codec(0).Name, "ice_servers": len(s.ICEServers())}))
	st := s.Stats()
	put(stepICE, good(0, st.Pair+", "+st.Path.Protocol, Facts{"pair": st.Pair, "type": st.Path.Type, "protocol": st.Path.Protocol}))
	connected := took - posted
	if posted == 0 {
		connected = took
		put(stepDTLS, good(connected, "since POST, with ICE", nil))
	}
	put(stepDTLS, good(connected, "since the answer, with ICE", nil))
	e.prove(ctx, t, s, began, func() proof {
		st := s.Stats()
		return proof{st.Tracks[0].LastReceiverReport, st.Tracks[0].FractionLost, st.Tracks[0].PacketsLost, st.RTT}
	})
	enough()
	e.leave(s, stepDelete, "the server has ended the session")
}

func postedAs(took time.Duration, code int) Result {
	if code == 0 {
		return good(took, "accepted", nil)
	}
	return good(took, fmt.Sprintf("%d %s", code, http.StatusText(code)), Facts{"status": code})
}

// refused tells the steps of Publish apart.
func (e *exam) refused(err error, took, posted time.Duration, code int, put func(string, Result)) {
	var we *whip.Error
	op := "POST"
	if errors.As(err, &we) {
		op = we.Op
	}
	if op == "answer" || op == "ICE" || op == "DTLS" {
		put(stepPost, postedAs(posted, code))
	}
	switch op {
	case "answer":
		put(stepAnswer, bad(0, err, "the server's answer is not usable: update the server"))
	case "ICE":
		put(stepAnswer, good(0, "accepted", nil))
		put(stepICE, bad(took-posted, err, "open the server's UDP ports in the firewalls between box and server"))
	case "DTLS", "session":
		put(stepPost, postedAs(posted, code))
		put(stepAnswer, good(0, "accepted", nil))
		put(stepICE, good(0, "a path was found", nil))
		put(stepDTLS, bad(took-posted, err, "check that nothing between box and server meddles with UDP"))
	default:
		put(stepPost, bad(took, err, "check the endpoint's URL and token"))
	}
}

// prove sends video until the far end has told what becomes of it.
func (e *exam) prove(ctx context.Context, t *Target, s session, began time.Time, ask func() proof) {
	put := func(step string, r Result) { e.sheet.put(Session, step, r) }
	start := time.Now()
	e.feed.attach(s)
	p, ok := wait(ctx, s.Done(), reportLimit, func() (proof, bool) { p := ask(); return p, !p.reported.IsZero() })
	if !ok {
		err := s.Err()
		if err == nil {
			err = errors.New("none has come: it is not known whether the video arrives")
		}
		r := bad(time.Since(start), err, "look at the server's log, and whether UDP passes in both directions")
		if e.feed.packets() == 0 {
			r = bad(time.Since(start), errNoPicture, "mend the camera first")
		}
		put(stepReport, r)
		e.seen(ctx, t, s.Done(), began)
		return
	}
	put(stepReport, good(p.reported.Sub(start), "the server has the video", nil))
	e.seen(ctx, t, s.Done(), began)
	p, _ = wait(ctx, s.Done(), settle, func() (proof, bool) { return ask(), time.Since(start) > settle && ask().rtt > 0 })
	put(stepLoss, sent(p, e.feed.packets()))
	if p.rtt == 0 {
		put(stepTrip, good(0, "the server tells too little to know it", nil))
	} else {
		r := good(p.rtt, "between box and server", Facts{"rtt_ms": millis(p.rtt)})
		if p.rtt > 400*time.Millisecond {
			r = r.but("the way to the server is slow or full: look at what else uses this uplink")
		}
		put(stepTrip, r)
	}
	if err := s.Err(); err != nil {
		put(stepLoss, bad(0, err, "look at the server's log"))
	}
}

// sent judges what is lost on the way to the server.
func sent(p proof, packets uint64) Result {
	facts := Facts{"fraction": round(p.lost, 4), "packets": packets}
	if p.missing >= 0 {
		facts["lost"] = p.missing
	}
	r := good(0, fmt.Sprintf("%s %% (%d packets sent)", number1(p.lost*100, 1), packets), facts)
	if p.lost > 0.02 {
		return r.but("the way to the server is too narrow or bad: lower the camera's bitrate, or set pacing below the uplink's rate")
	}
	return r
}

// leave ends the session.
func (e *exam) leave(s session, name, text string) {
	e.feed.detach()
	ctx, cancel := context.WithTimeout(context.Background(), cleanLimit+500*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := s.Close(ctx)
	took := time.Since(began)
	if err != nil {
		e.sheet.put(Session, name, bad(took, err, "the server ends the session by itself after some seconds of silence"))
		return
	}
	e.sheet.put(Session, name, good(took, text, nil))
}

// bySDK publishes as LiveKit's own clients do.
func (e *exam) bySDK(ctx context.Context, t *Target, at place, enough func()) {
	if !e.hasPicture(ctx) {
		return
	}
	put := func(step string, r Result) { e.sheet.put(Session, step, r) }
	codec, profile, width, height := e.profile()
	began := time.Now()
	s, err := sdkroom.Publish(ctx, sdkroom.Config{URL: at.endpoint, Token: at.token, RelayOnly: t.Media.RelayOnly, Logger: e.log},
		[]sdkroom.Track{{Codec: codec, ProfileLevelID: profile, Width: width, Height: height}})
	took := time.Since(began)
	if err != nil {
		var se *sdkroom.Error
		if errors.As(err, &se) && se.Op == "ICE" {
			put(stepJoin, good(0, "LiveKit lets us in", nil))
			put(stepICE, bad(took, err, ""))
			return
		}
		put(stepJoin, bad(took, err, "check LiveKit's URL, key and secret"))
		return
	}
	st := s.Stats()
	put(stepJoin, good(took, "in the room, connection included", nil))
	put(stepICE, good(0, st.Path.Pair+", "+st.Path.Protocol, Facts{"pair": st.Path.Pair, "type": st.Path.Type, "protocol": st.Path.Protocol}))
	e.prove(ctx, t, s, began, func() proof {
		st := s.Stats()
		return proof{st.Tracks[0].LastReceiverReport, st.Tracks[0].FractionLost, -1, st.RTT}
	})
	enough()
	e.leave(s, stepLeave, "nobody is left in the room")
}
