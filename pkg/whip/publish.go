package whip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pion/srtp/v3"
)

// abandonedPost is how long a POST that nobody waits for any more may still take.
// The server may have made a session by then, and only its response says which to
// delete.
const abandonedPost = 2 * time.Second

// Publish offers the tracks to the endpoint and returns a session that is
// connected: ICE and DTLS are up and WriteRTP sends. It blocks for as long as the
// Timeouts allow, or until ctx ends; after that ctx means nothing to the session.
// On an error nothing is left behind here, and a session that the server had made
// has been deleted. The error is an *Error.
func (c *Client) Publish(ctx context.Context, tracks []Track) (*Session, error) {
	plan, err := planTracks(tracks)
	if err != nil {
		return nil, &Error{Op: "offer", Err: err, slow: true}
	}
	w := c.firstWay()
	for attempt := 0; ; attempt++ {
		s, err := c.newSession(plan, w)
		if err != nil {
			return nil, err
		}
		if err = s.establish(ctx, plan, w); err == nil {
			s.start()
			return s, nil
		}
		// The DELETE must go out also when ctx is what ended.
		s.tearDown(context.WithoutCancel(ctx))
		next, ok := s.nextWay(w, err)
		if !ok || attempt > 1 || ctx.Err() != nil {
			c.log.Debug("whip: no session", "error", err)
			return nil, err
		}
		c.log.Info("whip: trying another way", "error", err)
		w = next
	}
}

// start sets the connected session's goroutines going.
func (s *Session) start() {
	s.connected = time.Now()
	go s.run()
}

// newSession opens the socket and makes the connection's parts.
func (c *Client) newSession(plan []offeredTrack, w way) (*Session, error) {
	mux, socks, err := openMux(c.cfg, c.trafficClass(plan), pionLogs{c.log}.NewLogger("ice"))
	if err != nil {
		return nil, &Error{Op: "ICE", Err: err, hint: "check this machine's network interfaces and the configured UDP ports"}
	}
	s := &Session{
		client: c, log: c.log, epoch: time.Now(), trickles: !w.full, refused: make(chan struct{}),
		mux: mux, sockets: socks, plan: plan, cname: newStreamID(), sdpID: rand.Int64(), sdpVersion: 1,
		stop: make(chan struct{}), done: make(chan struct{}), finished: make(chan struct{}),
	}
	s.states.prepare()
	s.peer, err = c.newPeer(mux, socks, w.servers, &s.states, s.takeRTCP)
	if err != nil {
		_ = mux.Close()
		return nil, &Error{Op: "offer", Err: err, slow: true, hint: "check the configured ICE servers"}
	}
	for i, t := range plan {
		track := newLocalTrack(i, t.kind)
		track.header.feedback, track.route = &s.feedback, &s.peer.route
		s.tracks = append(s.tracks, track)
	}
	return s, nil
}

// establish goes through the steps of RFC 9725 section 4.2.
func (s *Session) establish(ctx context.Context, plan []offeredTrack, w way) error {
	offer, gathered, err := s.gather(ctx, w)
	if err != nil {
		return err
	}
	answer, err := s.exchange(ctx, offer)
	if err != nil {
		return err
	}
	chosen, err := checkAnswer(answer, plan)
	if err != nil {
		return s.atEndpoint(err)
	}
	for i, t := range s.tracks {
		t.agree(chosen[i])
		if pacing := s.client.cfg.Pacing; pacing.on() && t.kind == Video {
			t.pace(pacing, s.sockets.flush)
			s.paced = t.pacer
		}
	}
	if err := s.take(answer); err != nil {
		return s.atEndpoint(answerError("the answer cannot be used", err))
	}
	s.startTrickle(ctx, gathered)
	if err := s.byRelay(ctx, w); err != nil {
		return err
	}
	return s.connect(ctx, offer, answer)
}

// take has the connection go by an answer.
func (s *Session) take(answer string) error {
	r, err := parseRemote(answer)
	if err != nil {
		return err
	}
	if err := s.peer.start(r, s.encrypt); err != nil {
		return err
	}
	s.answer = answer
	return nil
}

// encrypt takes the keys that DTLS has agreed on.
func (s *Session) encrypt(keys *srtp.Config) error {
	for _, t := range s.tracks {
		if err := t.encrypt(keys); err != nil {
			return err
		}
	}
	return nil
}

// atEndpoint adds the URL to an error of the answer.
func (s *Session) atEndpoint(err error) error {
	var e *Error
	if errors.As(err, &e) && e.URL == "" {
		e.URL = s.client.Endpoint()
	}
	return err
}

// gather makes the offer, with all the candidates that are found in time or, where
// more may follow, with those found at once; gathered is then closed when there are
// no more. Servers that take no candidates later are common (LiveKit Ingress answers
// 422).
func (s *Session) gather(ctx context.Context, w way) (sdp string, gathered <-chan struct{}, err error) {
	fail := func(err error) error {
		return &Error{Op: "offer", Err: err}
	}
	complete, err := s.peer.gather()
	if err != nil {
		return "", nil, fail(err)
	}
	limit := s.client.cfg.Timeouts.Gather
	if !w.full {
		limit = min(limit, hostCandidates)
	}
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-complete:
	case <-timeout.C:
		if !w.full {
			gathered = complete
			break
		}
		s.log.Info("whip: gathering of ICE candidates took too long, going on with those found")
	case <-ctx.Done():
		return "", nil, fail(ctx.Err())
	}
	if sdp, err = s.description(); err != nil {
		return "", nil, fail(err)
	}
	if gathered != nil {
		return sdp, gathered, nil
	}
	relayLater := s.client.cfg.RelayOnly && len(w.servers) == 0
	if len(candidates(sdp)) == 0 && !relayLater {
		e := &Error{Op: "ICE", Err: errors.New("no ICE candidates were found"),
			hint: "check this machine's network interfaces"}
		if s.client.cfg.RelayOnly {
			e.hint = "no TURN server gave a relay address: check their URLs, user names and passwords"
		}
		return "", nil, e
	}
	return sdp, nil, nil
}

// exchange posts the offer. From the moment that the server names a session, its
// URL is kept, so that it gets deleted whatever else is wrong.
func (s *Session) exchange(ctx context.Context, offer string) (string, error) {
	postCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.client.cfg.Timeouts.HTTP)
	defer cancel()
	stopWatch := context.AfterFunc(ctx, func() {
		t := time.NewTimer(abandonedPost)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-postCtx.Done():
		}
	})
	defer stopWatch()
	res, err := s.client.postOffer(postCtx, offer)
	if res != nil {
		s.url = sessionURL(res)
		s.iceServers = ParseICEServers(res.header.Values("Link"))
		s.setETag(res)
		s.learnFromAnswer(res.header)
	}
	if ctx.Err() != nil {
		return "", &Error{Op: "POST", URL: s.client.Endpoint(), Err: ctx.Err()}
	}
	if err != nil {
		return "", err
	}
	return string(res.body), nil
}

// connect waits for ICE and DTLS.
func (s *Session) connect(ctx context.Context, offer, answer string) error {
	limit := s.client.cfg.Timeouts.Connect
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	var cause error
	refused := s.refused
	for cause == nil {
		select {
		case <-s.states.connected:
			return nil
		case <-ctx.Done():
			return &Error{Op: "ICE", URL: s.client.Endpoint(), Err: ctx.Err()}
		case <-s.states.lost:
			cause = errors.New("failed")
		case <-timeout.C:
			cause = fmt.Errorf("no connection within %v", limit)
		case <-refused:
			// What the server has will do soon, or never.
			refused, limit = nil, min(limit, s.client.cfg.Timeouts.Direct)
			timeout.Reset(limit)
		}
	}
	if s.states.hadICE() {
		return &Error{Op: "DTLS", URL: s.client.Endpoint(), Err: fmt.Errorf("handshake: %w", cause),
			hint: "the media path is open but its encryption was not agreed on: look for a proxy that changes " +
				"the SDP, and see the server's log"}
	}
	return s.iceError(offer, answer, cause)
}
