package personalities_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
	"github.com/rtsp2whip/rtsp2whip/internal/personalities"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// outcome is what has become of one camera.
type outcome struct {
	personalities.Report
	status  publisher.Status // at the end
	posts   int
	deletes int
	codec   string // of the audio that arrived
	offer   string // the first one
	web     camsim.WebStats
	back    time.Duration // from the camera's return to the first picture after it
	dialog  rawserver.Counts
	slow    time.Duration // by how much later than its sound the picture comes, as the receiver is told
	log     string
}

// lines keeps a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// scaled shortens a time in which a camera does something.
func scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * scale) }

// time is how long to look on: more than twice a timeout that was not scaled.
func (e expectation) time() time.Duration { return max(scaled(e.watch), e.slow*5/2) }

// stage is a camera, the site that publishes it and the server it is published to.
type stage struct {
	p        camsim.Personality
	want     expectation
	receiver *personalities.Receiver
	cam      *camsim.Running
	server   *whiptest.Server
	site     *site.Site
	log      lines
	arrivals arrivals
}

// play runs one camera until it has shown what it is about.
func play(ctx context.Context, p camsim.Personality, want expectation) (o outcome, err error) {
	s := &stage{p: p, want: want, receiver: personalities.NewReceiver(true)}
	s.cam, err = p.Start(camsim.TimeScale(scale), func(c *camsim.Config) {
		c.OnAccessUnit = s.receiver.Sent
		c.Faults.Raw.Timeout = max(c.Faults.Raw.Timeout, want.slow)
		if c.Faults.RebootAfter > 0 { // late enough for a picture to have arrived before
			c.Faults.RebootAfter = max(c.Faults.RebootAfter, 10*time.Second)
		}
	})
	if err != nil {
		return o, err
	}
	defer s.cam.Stop()
	receiver := whiptest.Config{OnRTP: s.onRTP, Link: p.Link}
	if want.tight {
		receiver.ReceiveBuffer = 104 << 10 // doubled by Linux: its default
	}
	var stop func()
	s.server, stop = whiptest.Start(receiver)
	defer stop()
	if err := s.wire(); err != nil {
		return o, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); s.site.Run(ctx) }()
	o = s.watch(ctx)
	cancel()
	<-done
	all := s.server.Sessions()
	o.posts, o.deletes = len(all), 0
	for _, session := range all {
		o.deletes += session.Deletes()
	}
	o.log = s.log.String()
	err = s.left()
	o.dialog = s.cam.Stats().Dialog
	return o, err
}

func (s *stage) onRTP(kind string, p *rtp.Packet) {
	s.arrivals.note(kind, p.Timestamp, time.Now())
	s.receiver.RTP(kind, p)
}

// wire makes the site.
func (s *stage) wire() error {
	c := site.DefaultCamera()
	c.Name, c.URL, c.SubURL = s.p.Name, s.cam.URL(), s.cam.SubURL()
	user, password := s.cam.Credentials()
	c.Username, c.Password = user, secret.New(password)
	if s.p.Transport != "" {
		c.Transport = site.Transport(s.p.Transport)
	}
	c.Hold = site.Duration(scaled(c.Hold.Std()))
	if c.Stall = site.Duration(15 * time.Second); s.p.Expect != camsim.Plays { // others are to survive a busy machine
		c.Stall = site.Duration(time.Second)
	}
	c.Web = s.cam.WebURL()
	if s.cam.Fingerprint() != "" {
		c.TLS.SHA256 = strings.Repeat("0", 64) // until the camera's is known to the test
	}
	if s.want.prepare != nil {
		s.want.prepare(&c, s.cam)
	}
	c.WHIP = &site.WHIP{URL: s.server.URL()}
	cfg := site.Default()
	cfg.Cameras = append(cfg.Cameras, c)
	if err := cfg.Complete(site.Sources{}); err != nil {
		return err
	}
	var err error
	s.site, err = site.New(&cfg, "test", slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return err
}

// watch looks on until everything expected has been seen, or the time is over.
func (s *stage) watch(ctx context.Context) outcome {
	began := time.Now()
	limit := time.NewTimer(s.want.time() + max(time.Minute, s.want.patience))
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var away, returned time.Time
	var back time.Duration
	for {
		o := s.look()
		switch {
		case away.IsZero() && s.off():
			away = time.Now()
		case !away.IsZero() && returned.IsZero() && s.answers():
			returned = time.Now()
		case !returned.IsZero() && back == 0 && o.Last.After(returned):
			back = o.Last.Sub(returned)
		}
		o.back = back
		if s.enough(o, time.Since(began)) {
			return o
		}
		select {
		case <-ctx.Done():
			return o
		case <-limit.C:
			return o
		case <-tick.C:
		}
	}
}

// off tells whether the camera has gone off.
func (s *stage) off() bool {
	f := s.p.Config.Faults
	return f.RebootAfter > 0 && s.site.Cameras()[0].State == publisher.Reconnecting
}

// answers tells whether the camera takes connections.
func (s *stage) answers() bool {
	u, err := url.Parse(s.cam.URL())
	if err != nil {
		return false
	}
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (s *stage) look() outcome {
	o := outcome{Report: s.receiver.Report(), status: s.site.Cameras()[0], web: s.cam.WebStats()}
	all := s.server.Sessions()
	o.posts = len(all)
	for i, session := range all {
		if i == 0 {
			o.offer = session.Offer()
		}
		if codec := session.Track("audio").Codec; codec != "" {
			o.codec = strings.TrimPrefix(codec, "audio/")
		}
		o.slow = s.arrivals.slow(session)
		o.deletes += session.Deletes()
	}
	return o
}

// enough tells whether there is more to wait for.
func (s *stage) enough(o outcome, since time.Duration) bool {
	if s.p.Expect != camsim.Plays {
		return strings.Contains(o.status.Reason, s.p.Expect)
	}
	frames := s.want.frames
	if frames == 0 {
		frames = 60
	}
	return o.Pictures >= frames && since > s.want.time() && o.status.State == publisher.Live &&
		(s.want.audio == "" || o.Audio >= 50) && (s.want.check == nil || s.want.check(o) == nil)
}

// left waits until nothing of us is left at the camera.
func (s *stage) left() error {
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.cam.Stats().Readers > 0 {
		select {
		case <-deadline.C:
			return errors.New("the camera still has a reader after the end")
		case <-tick.C:
		}
	}
	return nil
}

// judge holds the outcome against what was expected.
func judge(p camsim.Personality, want expectation, o outcome) (errs []error) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, f := range o.Faults {
		add(true, "%s", f)
	}
	add(p.Config.Password != "" && strings.Contains(o.log, p.Config.Password), "the log holds the password")
	add(o.deletes != o.posts, "%d sessions, %d DELETE", o.posts, o.deletes)
	// Where the camera takes longer than a second for the answer, it may never see the question.
	if stood := max(o.Ahead, o.Behind) > time.Second; o.dialog.Describes > 0 && o.status.CameraFailures == 0 && !stood {
		add(o.dialog.Teardowns < o.status.CameraSessions, "%d RTSP sessions, %d TEARDOWN", o.status.CameraSessions, o.dialog.Teardowns)
	}
	add(o.Missing > 0 && !want.burst, "%d packets never arrived", o.Missing)
	// A machine that stands still for a while makes its cameras stand still.
	add(o.Ahead > 10*time.Second || o.Behind > 15*time.Second, "timestamps are up to %v ahead of the time of arrival, or %v behind", o.Ahead, o.Behind)
	if p.Expect != camsim.Plays {
		add(!strings.Contains(o.status.Reason, p.Expect), "%s: reason %q, want %q", o.status.State, o.status.Reason, p.Expect)
		return errs
	}
	add(o.Pictures == 0, "no picture; %s: %s (%s)", o.status.State, o.status.Reason, o.status.Hint)
	add(o.Unclosed > 0 && !want.lossy && !want.gaps, "%d access units without an end", o.Unclosed)
	add(o.Skipped > 0 && !want.lossy && !want.gaps, "%d pictures did not arrive", o.Skipped)
	add(want.audio != o.codec, "audio %q arrived, want %q", o.codec, want.audio)
	if want.check != nil {
		if err := want.check(o); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
