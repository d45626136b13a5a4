package whiptest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Session is the server's end of one WHIP session.
type Session struct {
	server *Server
	path   string
	query  string
	offer  string
	answer string
	pc     *webrtc.PeerConnection
	gate   *gate
	close  func()
	done   sync.WaitGroup

	mu      sync.Mutex
	tracks  map[string]*received
	state   webrtc.PeerConnectionState
	deletes int

	restarts int
	trickled []Fragment
}

// received is what came in on one track.
type received struct {
	ssrc    uint32
	codec   string
	packets uint64
	bytes   uint64
	reports uint64 // sender reports
	last    rtcp.SenderReport
	cname   string
	byes    int
	unknown [][]byte
}

// Track is a snapshot of what a session received on one track.
type Track struct {
	Codec         string
	SSRC          uint32
	Packets       uint64
	Bytes         uint64 // of payload
	SenderReports uint64
	LastReport    rtcp.SenderReport
	CNAME         string
	BYEs          int
	Unknown       [][]byte // RTCP packets of other types, the newest few
}

// Query is that of the URL which the session was asked for by, without the
// question mark; so one server can tell several publishers apart.
func (s *Session) Query() string { return s.query }

// Path is that of the session's URL.
func (s *Session) Path() string { return s.path }

// Offer is what the client posted, Answer what it got.
func (s *Session) Offer() string  { return s.offer }
func (s *Session) Answer() string { return s.answer }

// Deletes counts the DELETE requests for this session.
func (s *Session) Deletes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deletes
}

// Track returns what was received of a kind.
func (s *Session) Track(kind string) Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.tracks[kind]
	if r == nil {
		return Track{}
	}
	return Track{
		Codec: r.codec, SSRC: r.ssrc, Packets: r.packets, Bytes: r.bytes,
		SenderReports: r.reports, LastReport: r.last, CNAME: r.cname, BYEs: r.byes, Unknown: slices.Clone(r.unknown),
	}
}

// State is the connection's.
func (s *Session) State() webrtc.PeerConnectionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// WaitFor waits for a condition on the session.
func (s *Session) WaitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(Wait)
	defer timeout.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatalf("whiptest: waited %v in vain for %s", Wait, what)
		}
	}
}

// WaitPackets waits for so many packets of a kind.
func (s *Session) WaitPackets(t testing.TB, kind string, n uint64) {
	t.Helper()
	s.WaitFor(t, fmt.Sprintf("%d %s packets", n, kind), func() bool { return s.Track(kind).Packets >= n })
}

// PLI asks for a key frame.
func (s *Session) PLI(kind string) error {
	return s.WriteRTCP(&rtcp.PictureLossIndication{MediaSSRC: s.Track(kind).SSRC})
}

// FIR asks for a key frame by a request with a sequence number: a repeated number
// is the same request.
func (s *Session) FIR(kind string, seq uint8) error {
	ssrc := s.Track(kind).SSRC
	return s.WriteRTCP(&rtcp.FullIntraRequest{
		MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: seq}},
	})
}

// NACK asks for packets again.
func (s *Session) NACK(kind string, seqs ...uint16) error {
	return s.WriteRTCP(&rtcp.TransportLayerNack{
		MediaSSRC: s.Track(kind).SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
	})
}

// WriteRTCP sends a compound packet to the client.
func (s *Session) WriteRTCP(packets ...rtcp.Packet) error { return s.pc.WriteRTCP(packets) }

// Blackhole drops, from now on, what arrives from the client, what is sent to it,
// or both. No end of the session is signalled.
func (s *Session) Blackhole(in, out bool) {
	s.gate.in.Store(in)
	s.gate.out.Store(out)
}

// Close ends the connection as a server does that is done with it: DTLS
// close_notify, no word over HTTP.
func (s *Session) Close() {
	s.close()
	s.done.Wait()
}

// delete is a DELETE; it returns false if the session had one before.
func (s *Session) delete() bool {
	s.mu.Lock()
	s.deletes++
	first := s.deletes == 1
	s.mu.Unlock()
	s.server.mu.Lock()
	s.server.notify()
	s.server.mu.Unlock()
	if first {
		s.hearOut()
		s.close()
	}
	return first
}

// hearOut waits, not for long, for what the client has sent before its DELETE: that
// came by another way, and is still being read when the request has been.
func (s *Session) hearOut() {
	if s.gate.in.Load() || s.State() != webrtc.PeerConnectionStateConnected {
		return
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for before, limit := uint64(0), time.Now().Add(time.Second); time.Now().Before(limit); <-tick.C {
		packets, byes := s.heard()
		if byes && packets == before {
			return
		}
		before = packets
	}
}

// heard counts the packets so far; byes is false while a BYE is missing for any.
func (s *Session) heard() (packets uint64, byes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byes = true
	for _, r := range s.tracks {
		packets += r.packets
		byes = byes && (r.packets == 0 || r.byes > 0)
	}
	return packets, byes
}

func (s *Session) track(kind string) *received {
	r := s.tracks[kind]
	if r == nil {
		r = &received{}
		s.tracks[kind] = r
	}
	return r
}

// onTrack is called with the first packet of a track.
func (s *Session) onTrack(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	kind := remote.Kind().String()
	s.mu.Lock()
	r := s.track(kind)
	r.ssrc, r.codec = uint32(remote.SSRC()), remote.Codec().MimeType
	s.mu.Unlock()
	s.done.Add(2)
	go s.readRTP(kind, remote)
	go s.readRTCP(kind, receiver)
}

func (s *Session) readRTP(kind string, remote *webrtc.TrackRemote) {
	defer s.done.Done()
	for {
		p, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		s.mu.Lock()
		r := s.track(kind)
		r.packets++
		r.bytes += uint64(len(p.Payload))
		r.codec = remote.Codec().MimeType
		s.mu.Unlock()
		if f := s.server.cfg.OnRTP; f != nil {
			f(kind, clonePacket(p))
		}
	}
}

func clonePacket(p *rtp.Packet) *rtp.Packet { return p.Clone() }

func (s *Session) readRTCP(kind string, receiver *webrtc.RTPReceiver) {
	defer s.done.Done()
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		s.mu.Lock()
		r := s.track(kind)
		for _, p := range packets {
			r.note(p)
		}
		s.mu.Unlock()
	}
}

func (r *received) note(p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.SenderReport:
		if p.SSRC == r.ssrc {
			r.reports++
			r.last = *p
		}
	case *rtcp.SourceDescription:
		for _, c := range p.Chunks {
			for _, item := range c.Items {
				if c.Source == r.ssrc && item.Type == rtcp.SDESCNAME {
					r.cname = item.Text
				}
			}
		}
	case *rtcp.Goodbye:
		r.byes++
	case *rtcp.RawPacket:
		if r.unknown = append(r.unknown, slices.Clone([]byte(*p))); len(r.unknown) > 16 {
			r.unknown = r.unknown[1:]
		}
	}
}
