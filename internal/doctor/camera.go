package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/repack"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

const (
	openLimit   = 6 * time.Second // connecting, account and DESCRIBE
	packetLimit = 4 * time.Second // from PLAY to the first packet
	keyLimit    = 4 * time.Second // from there to the first key frame
	// The stream is looked at for so long: less if all is known by then.
	lookLeast = 3 * time.Second
	lookMost  = 6 * time.Second
)

// camera looks at the camera, and plays it for as long as the far end needs.
func (e *exam) camera(ctx context.Context) {
	defer e.sheet.close(Camera)
	put := func(step string, r Result) { e.sheet.put(Camera, step, r) }
	s, ok := e.open(ctx, put)
	if !ok {
		close(e.blind)
		return
	}
	defer func() {
		began := time.Now()
		err := s.Close()
		if err != nil {
			put(stepTeardown, bad(time.Since(began), err, "restart the camera if it refuses new viewers for the next minute"))
			return
		}
		put(stepTeardown, good(time.Since(began), "the session is over, nothing is left at the camera", nil))
	}()
	v := e.video(s)
	if !e.play(ctx, s, v, put) {
		close(e.blind)
		return
	}
	stop := e.startAsking(ctx, s, v)
	known := e.firstKey(ctx, s, v, put)
	if known {
		close(e.flowing)
	} else {
		close(e.blind)
	}
	e.watch(ctx, s, v)
	asked := stop()
	e.judge(s, v, asked, ctx.Err() != nil, put)
	if known {
		select {
		case <-e.enough:
		case <-s.Done():
		}
	}
}

// open connects and reads the description.
func (e *exam) open(ctx context.Context, put func(string, Result)) (*rtspsrc.Session, bool) {
	d := &dialer{put: put}
	cfg := e.cfg.Source
	cfg.DialContext, cfg.OnBlock, cfg.Logger = d.DialContext, nil, e.log
	cfg.DialTimeout, cfg.RequestTimeout, cfg.UDPSilence = openLimit, openLimit, 2*time.Second
	cfg.Stall = 5 * time.Second
	src, err := rtspsrc.New(cfg)
	if err != nil {
		put(stepResolve, bad(0, err, "write the camera's URL as rtsp://HOST:PORT/PATH"))
		return nil, false
	}
	octx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	s, err := src.Open(octx)
	e.opened(d, s, err, put)
	return s, err == nil
}

// opened tells the steps of Open apart.
func (e *exam) opened(d *dialer, s *rtspsrc.Session, err error, put func(string, Result)) {
	d.mu.Lock()
	connected, dialled := d.connected, d.dialled
	took := time.Duration(0)
	if connected {
		took = time.Since(d.at)
	}
	d.mu.Unlock()
	var re *rtspsrc.Error
	errors.As(err, &re)
	fit := errors.Is(err, rtspsrc.ErrCodec) || errors.Is(err, rtspsrc.ErrNoVideo)
	switch {
	case !dialled && err != nil:
		put(stepResolve, bad(took, err, ""))
		return
	case !connected:
		return // the dialer has said why
	case re != nil && re.Op == "tls":
		put(stepTLS, bad(took, err, ""))
		return
	}
	put(stepTLS, e.cameraTLS())
	switch {
	case re != nil && re.Status == 401:
		put(stepAuth, bad(took, err, ""))
	case err == nil || fit:
		put(stepAuth, e.account(d))
		put(stepDescribe, good(took, "", nil))
		if fit {
			put(stepTracks, bad(0, err, ""))
			return
		}
		put(stepTracks, tracksOf(s))
	default:
		if re != nil && re.Status >= 400 && d.challenge() != "" {
			put(stepAuth, e.account(d))
		}
		put(stepDescribe, bad(took, err, "look up the camera's RTSP URL in its manual"))
	}
}

func (e *exam) cameraTLS() Result {
	switch t := e.cfg.Source.TLS; {
	case t.Insecure:
		return good(0, "the certificate was not looked at", nil).but("pin it (tls.sha256): now anybody on the way can read video and password")
	case t.SHA256 != "":
		return good(0, "the certificate is the pinned one", nil)
	}
	return good(0, "the certificate is trusted", nil)
}

// account says how the camera took the account.
func (e *exam) account(d *dialer) Result {
	scheme := d.challenge()
	given := e.cfg.Source.Username != "" || strings.Contains(e.cfg.Source.URL, "@")
	facts := Facts{"scheme": scheme, "account": given}
	switch {
	case scheme == "Basic":
		return good(0, "the account is accepted (Basic)", facts).but(
			"set the camera's RTSP authentication to Digest: with Basic anybody on its network can read the password")
	case scheme != "":
		return good(0, "the account is accepted ("+scheme+")", facts)
	case given && encrypted(schemeOf(e.cfg.Source.URL)):
		return good(0, "not refused (how the camera asks is encrypted)", facts)
	case given:
		return good(0, "the camera asks for no password, though one is given", facts).but(
			"switch RTSP authentication on in the camera, unless everybody on its network may watch")
	}
	return good(0, "the camera asks for no password", facts).but("switch RTSP authentication on in the camera, unless everybody on its network may watch")
}

func schemeOf(url string) string {
	scheme, _, _ := strings.Cut(url, "://")
	return scheme
}

// tracksOf lists what the camera offers.
func tracksOf(s *rtspsrc.Session) Result {
	var used, unused, codecs []string
	for _, t := range s.Tracks() {
		used = append(used, fmt.Sprintf("%s %s", t.Kind, t.Codec))
		codecs = append(codecs, t.Codec)
	}
	for _, t := range s.Ignored() {
		unused = append(unused, strings.TrimSpace(fmt.Sprintf("%s %s", t.Kind, t.Codec))+": "+t.Reason)
	}
	text := strings.Join(used, ", ")
	if len(unused) > 0 {
		text += "; not used: " + strings.Join(unused, "; ")
	}
	return good(0, text, Facts{"codecs": codecs, "ignored": len(unused)})
}

// play starts the stream and waits for its first packet.
func (e *exam) play(ctx context.Context, s *rtspsrc.Session, v *video, put func(string, Result)) bool {
	began := time.Now()
	pctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	err := s.Play(pctx, s.Tracks(), func(t rtspsrc.Track, pkt *rtp.Packet, arrived time.Time) { v.push(t, pkt, arrived) })
	if err != nil {
		put(stepPlay, bad(time.Since(began), err, "set the transport to auto"))
		return false
	}
	protocol := s.Stats().Protocol
	put(stepPlay, good(time.Since(began), "RTP over "+strings.ToUpper(protocol), Facts{"transport": protocol}))
	at, ok := wait(ctx, s.Done(), packetLimit, func() (time.Time, bool) { first := v.firstPacket(); return first, !first.IsZero() })
	if !ok {
		err := s.Err()
		if err == nil {
			err = fmt.Errorf("%w within %s of PLAY", rtspsrc.ErrStalled, packetLimit)
		}
		put(stepPacket, bad(time.Since(began), err,
			"the camera keeps the connection but sends no video: restart it, and check whether it has too many viewers"))
		return false
	}
	put(stepPacket, good(at.Sub(began), "", nil))
	return true
}

// wait polls a condition until it holds, something ends, or the time is over.
func wait[T any](ctx context.Context, over <-chan struct{}, limit time.Duration, ask func() (T, bool)) (T, bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if t, ok := ask(); ok {
			return t, true
		}
		select {
		case <-ctx.Done():
		case <-over:
		case <-timer.C:
		case <-tick.C:
			continue
		}
		return ask()
	}
}

// firstKey waits for a key frame, for a while: whether none comes at all is for judge to
// say. It tells whether the video can be offered, which takes its parameter sets.
func (e *exam) firstKey(ctx context.Context, s *rtspsrc.Session, v *video, put func(string, Result)) bool {
	_, ok := wait(ctx, s.Done(), keyLimit, func() (struct{}, bool) { return struct{}{}, v.repack.KeyFrames() > 0 })
	st := v.repack.Stats()
	if ok {
		put(stepKey, good(st.LastKeyFrame.Sub(v.firstPacket()), "so long after the first packet", nil))
	}
	return st.ProfileLevelID != ""
}

// lateKey is the result where none came soon.
func lateKey(s *rtspsrc.Session, v *video, m measured) Result {
	hint := "set the camera's key frame interval (GOP) to 1 to 2 seconds, and turn off its intra refresh and smart codec"
	if len(m.keys) > 0 {
		took := m.keys[0].at.Sub(v.firstPacket())
		return good(took, "so long a viewer may have to wait for a picture", nil).but(hint)
	}
	if err := s.Err(); err != nil {
		return bad(0, err, hint)
	}
	what, remedy := split(v.repack.Stats().Problem)
	if what == "" {
		what = fmt.Sprintf("no key frame (IDR) within %s s", number1(m.span.Seconds(), 0))
	}
	if remedy != "" {
		hint = remedy
	}
	return Result{Text: what}.fails(hint)
}

// split takes one of repack's sentences apart: what is wrong, and what to set.
func split(problem string) (what, remedy string) {
	what, remedy, _ = strings.Cut(problem, ": ")
	return what, remedy
}

// watch looks at the stream until enough is known of it.
func (e *exam) watch(ctx context.Context, s *rtspsrc.Session, v *video) {
	began, asked := time.Now(), time.Now()
	_, _ = wait(ctx, s.Done(), lookMost, func() (struct{}, bool) {
		if !v.askKnown() && time.Since(asked) > often {
			asked = time.Now()
			v.asker.Want() // the one that was wanted first has come by itself, or did not come
		}
		return struct{}{}, time.Since(began) > lookLeast && v.gopKnown() && v.askKnown()
	})
}

// video is the stream as it is looked at.
type video struct {
	meter
	repack *repack.Video
	feed   *feed
	asker  *asker
	sound  soundMeter
}

// video prepares for the stream.
func (e *exam) video(s *rtspsrc.Session) *video {
	track := s.Tracks()[0]
	cfg := repack.VideoConfig{ExtensionBytes: 16, DropBFrames: e.cfg.DropsBFrames}
	v := &video{feed: &feed{h265: track.Codec == rtspsrc.H265}}
	if v.feed.h265 {
		v.repack = repack.NewH265(cfg, repack.NewLine(90000))
	} else {
		v.repack = repack.NewH264(cfg, repack.NewLine(90000))
	}
	v.repack.SetParameterSets(track.ParameterSets...)
	v.meter.clockRate = track.ClockRate
	v.videoID = track.ID
	v.asker = newAsker(e.cfg, e.log)
	e.feed = v.feed
	e.profile = func() (codec, profile string, width, height int) {
		st := v.repack.Stats()
		return track.Codec, st.ProfileLevelID, st.Width, st.Height
	}
	return v
}

// push takes a packet of any track.
func (v *video) push(t rtspsrc.Track, pkt *rtp.Packet, arrived time.Time) {
	if t.ID != v.videoID {
		v.sound.push(t.ID)
		return
	}
	before := v.repack.KeyFrames()
	v.meter.packet(pkt.Timestamp, pkt.Marker, pkt.MarshalSize(), arrived)
	_ = v.repack.Push(pkt, arrived, v.feed) // the far end tells of its own faults
	if v.repack.KeyFrames() != before {
		at := v.repack.Stats().LastKeyFrame
		v.meter.key(at)
		v.asker.Arrived(at)
	}
}
