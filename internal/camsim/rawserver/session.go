package rawserver

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/ports"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// session is one client's SETUPs and, after PLAY, its media.
type session struct {
	srv    *Server
	conn   *conn
	stream string
	cancel context.CancelFunc
	ctx    context.Context // of its players
	wg     sync.WaitGroup

	mu      sync.Mutex
	id      string
	tracks  []*track
	players []*reel.Player
	plays   bool
	over    bool
	last    time.Time // sign of life
}

func newSession(c *conn, stream string) *session {
	ss := &session{srv: c.srv, conn: c, stream: stream, id: token(), last: time.Now()}
	ss.ctx, ss.cancel = context.WithCancel(c.srv.ctx)
	return ss
}

// is compares with a Session header.
func (ss *session) is(header string) bool {
	id, _, _ := strings.Cut(header, ";")
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return strings.TrimSpace(id) == ss.id
}

func (ss *session) isPlaying() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.plays
}

func (ss *session) playing() []*reel.Player {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.players
}

// alive notes a sign of life, if it is of the kind that counts.
func (ss *session) alive(by Alive) {
	if want := ss.srv.cfg.Faults.AliveBy; want != AliveByAny && want != by {
		return
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.last = time.Now()
}

func (ss *session) idle() time.Duration {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return time.Since(ss.last)
}

// expire breaks the connection of a session that has timed out, once.
func (ss *session) expire() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.over {
		return false
	}
	ss.over = true
	ss.cancel()
	_ = ss.conn.nc.Close()
	return true
}

// close stops the media and waits for that. Torn means that the client has said so.
func (ss *session) close(torn bool) {
	ss.mu.Lock()
	ss.over = true
	tracks := ss.tracks
	ss.mu.Unlock()
	ss.cancel()
	for _, t := range tracks {
		t.close()
	}
	ss.wg.Wait()
	ss.srv.forget(ss, torn)
}

// setup adds a track.
func (ss *session) setup(req *request, m *media) *response {
	f := ss.srv.cfg.Faults
	cfg := &ss.srv.cfg
	ss.alive(AliveByRequest)
	for _, ask := range transports(req.header["Transport"]) {
		if ask.tcp && cfg.NoTCP || !ask.tcp && cfg.NoUDP {
			continue
		}
		t := newTrack(ss, m)
		header, err := t.route(ask)
		if err != nil {
			return reply(500)
		}
		ss.mu.Lock()
		ss.tracks = append(ss.tracks, t)
		if f.NewSessionID {
			ss.id = token()
		}
		id := ss.id
		ss.mu.Unlock()
		return reply(200, "Transport: "+header, "Session: "+ss.srv.sessionHeader(id))
	}
	if len(ss.tracks) == 0 {
		ss.close(true)
		ss.conn.session = nil
	}
	return reply(461)
}

// route decides how a track is sent, and says so as a Transport header.
func (t *track) route(ask transport) (string, error) {
	f := t.session.srv.cfg.Faults
	if !ask.tcp {
		return t.routeUDP(ask)
	}
	channel := ask.channel
	if n := len(t.session.tracks); f.FirstChannel > 0 {
		channel = f.FirstChannel + 2*n
	} else if channel < 0 {
		channel = 2 * n
	}
	t.channel = byte(channel)
	profile := "RTP/AVP/TCP"
	if f.PlainAVP {
		profile = "RTP/AVP"
	}
	return fmt.Sprintf("%s;unicast;interleaved=%d-%d", profile, channel, channel+1), nil
}

func (t *track) routeUDP(ask transport) (string, error) {
	local, _, err := net.SplitHostPort(t.session.conn.nc.LocalAddr().String())
	if err != nil {
		return "", err
	}
	if t.rtp, t.rtcp, err = ports.Pair(local); err != nil {
		return "", err
	}
	client := t.session.conn.nc.RemoteAddr().(*net.TCPAddr).IP
	t.to = &net.UDPAddr{IP: client, Port: int(ask.port)}
	t.toRTCP = &net.UDPAddr{IP: client, Port: int(ask.port2)}
	t.session.wg.Go(t.readReports)
	return fmt.Sprintf("RTP/AVP;unicast;client_port=%d-%d;server_port=%d-%d", ask.port, ask.port2,
		t.rtp.LocalAddr().(*net.UDPAddr).Port, t.rtcp.LocalAddr().(*net.UDPAddr).Port), nil
}

// play answers PLAY; the media begins after the answer.
func (ss *session) play(req *request) *response {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	res := reply(200, "Session: "+ss.srv.sessionHeader(ss.id))
	if ss.srv.cfg.Faults.ZeroRTPInfo {
		res.lines = append(res.lines, "RTP-Info: url="+req.url+";seq=0;rtptime=0")
	}
	return res
}

// begin starts the players: one for the stream's video and its sound, and one for
// every other video that was set up.
func (ss *session) begin() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.plays || ss.over || len(ss.tracks) == 0 {
		return
	}
	ss.plays = true
	if ss.srv.cfg.Faults.Zombie {
		return
	}
	main := ss.srv.cfg.Script
	var video, audio *track
	for _, t := range ss.tracks {
		switch {
		case t.media.track != nil:
			audio = t
		case t.media.film == nil:
		case t.media.film == main.Film && video == nil:
			video = t
		default:
			script := main
			script.Film, script.Track = t.media.film, nil
			ss.start(script, t, nil)
		}
	}
	if audio == nil {
		main.Track = nil
	}
	if video != nil || audio != nil {
		ss.start(main, video, audio)
	}
}

func (ss *session) start(script reel.Script, video, audio *track) {
	send := func(t *track) func(*rtp.Packet, time.Time) error {
		if t == nil {
			return func(*rtp.Packet, time.Time) error { return nil }
		}
		return t.send
	}
	p := reel.NewPlayer(script, reel.Sink{
		Watched: func() bool { return true },
		Video:   send(video),
		Audio:   send(audio),
		AccessUnit: func(nalus [][]byte) {
			if video == nil {
				return
			}
			if tap := ss.srv.cfg.OnAccessUnit; tap != nil {
				tap(nalus)
			}
			video.beginUnit(nalus)
		},
	})
	p.Freeze(ss.srv.frozen.Load())
	ss.players = append(ss.players, p)
	ss.wg.Go(func() { p.Run(ss.ctx) })
}

func (ss *session) keyFrame() {
	for _, p := range ss.playing() {
		p.KeyFrame()
	}
}

// onFrame takes what the client sends interleaved: RTCP, on odd channels mostly.
func (ss *session) onFrame(f *frame) { ss.onRTCP(f.payload) }

// onRTCP counts reports, and requests for a key frame.
func (ss *session) onRTCP(b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	for _, p := range packets {
		switch p.(type) {
		case *rtcp.ReceiverReport:
			ss.srv.tally(func(c *Counts) { c.Reports++ })
			ss.alive(AliveByReport)
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			ss.srv.tally(func(c *Counts) { c.KeyFrameRequests++ })
			if ss.srv.cfg.HonourPLI {
				ss.keyFrame()
			}
		}
	}
}
