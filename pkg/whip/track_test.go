package whip

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/rtsp2whip/rtsp2whip/internal/batchudp"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// nowhere is the end of a path that begins at no socket of ours.
type nowhere struct{ packets, bytes int }

func (n *nowhere) Write(b []byte) (int, error) {
	n.packets++
	n.bytes += len(b)
	return len(b), nil
}

// testKeys are as DTLS would agree on.
func testKeys(profile srtp.ProtectionProfile) *srtp.Config {
	key, salt := bytes.Repeat([]byte{7}, 16), bytes.Repeat([]byte{9}, 14)
	if profile == srtp.ProtectionProfileAeadAes128Gcm {
		salt = salt[:12]
	}
	return &srtp.Config{Profile: profile, Keys: srtp.SessionKeys{
		LocalMasterKey: key, LocalMasterSalt: salt, RemoteMasterKey: key, RemoteMasterSalt: salt,
	}}
}

// trackTo makes a track with keys whose packets go by way of an agent.
func trackTo(t testing.TB, out io.Writer, x extras) *localTrack {
	t.Helper()
	track := newLocalTrack(0, Video)
	track.header.feedback = &feedbackWindow{}
	track.agree(offeredCodec{payloadType: 96, extras: x})
	if err := track.encrypt(testKeys(srtp.ProtectionProfileAeadAes128Gcm)); err != nil {
		t.Fatal(err)
	}
	track.route.agent = out
	return track
}

// socketTo gives a track's packets a socket of ours, and returns the other end.
func socketTo(t testing.TB, track *localTrack) *net.UDPConn {
	t.Helper()
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	own, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn := batchudp.New(own)
	t.Cleanup(func() {
		_ = conn.Close()
		_ = sink.Close()
	})
	_ = sink.SetReadBuffer(4 << 20)
	track.route.sockets = sockets{conn}
	track.route.direct.Store(&direct{conn, sink.LocalAddr().(*net.UDPAddr).AddrPort()})
	return sink
}

// A packet costs no allocation on either way.
func TestWriteDoesNotAllocate(t *testing.T) {
	for _, way := range []string{"agent", "socket"} {
		out := &nowhere{}
		track := trackTo(t, out, extras{})
		if way == "socket" {
			socketTo(t, track)
		}
		s := &Session{tracks: []*localTrack{track}, sockets: track.route.sockets}
		h := rtp.Header{Version: 2}
		payload := make([]byte, 1188)
		for range 2000 { // the history grows to its size
			h.SequenceNumber++
			_ = s.WriteRTP(0, &h, payload)
		}
		if n := testing.AllocsPerRun(1000, func() {
			h.SequenceNumber++
			h.Timestamp += 3000
			if err := s.WriteRTP(0, &h, payload); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a packet", way, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			h.SequenceNumber--
			track.resend(h.SequenceNumber)
		}); n != 0 {
			t.Errorf("%s: %v allocations a retransmission", way, n)
		}
		if h.SSRC != track.ssrc || h.PayloadType != 96 {
			t.Errorf("header %+v", h)
		}
		if track.retransmitted.Load() < 100 || (out.packets == 0) != (way == "socket") {
			t.Errorf("%s: %d sent again, %d through the agent", way, track.retransmitted.Load(), out.packets)
		}
	}
}

// What leaves is the same on both ways, with either cipher: it decrypts to the
// header that was agreed on and the caller's payload, packets that are too large to
// be kept and retransmissions included.
func TestBothWaysAlike(t *testing.T) {
	for _, profile := range []srtp.ProtectionProfile{
		srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80,
	} {
		for _, way := range []string{"agent", "socket"} {
			var out collector
			track := trackTo(t, &out, extras{mid: "0", midID: 1, twccID: 2, rtxType: 97})
			if err := track.encrypt(testKeys(profile)); err != nil {
				t.Fatal(err)
			}
			receive := func() []byte { return out.next(t) }
			if way == "socket" {
				sink := socketTo(t, track)
				receive = func() []byte { return datagram(t, sink) }
			}
			track.history = newHistory(64, 4096, 4096)
			keys := testKeys(profile).Keys
			in, err := srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, profile)
			if err != nil {
				t.Fatal(err)
			}
			s := &Session{tracks: []*localTrack{track}, sockets: track.route.sockets}
			expect := func(ssrc uint32, payload []byte) {
				t.Helper()
				plain, err := in.DecryptRTP(nil, receive(), nil)
				if err != nil {
					t.Fatalf("%s: %v", way, err)
				}
				var p rtp.Packet
				if err := p.Unmarshal(plain); err != nil {
					t.Fatal(err)
				}
				if p.SSRC != ssrc || string(p.GetExtension(1)) != "0" || len(p.GetExtension(2)) != 2 || !bytes.Equal(p.Payload, payload) {
					t.Errorf("%s: %+v, %d bytes", way, p.Header, len(p.Payload))
				}
			}
			for i, size := range []int{1000, 1000, 10, 5000, 0, 1000} {
				payload := bytes.Repeat([]byte{byte(i + 1)}, size)
				h := rtp.Header{Version: 2, SequenceNumber: uint16(65533 + i), Timestamp: 7, Marker: true}
				if err := s.WriteRTP(0, &h, payload); err != nil {
					t.Fatal(err)
				}
				expect(track.ssrc, payload)
			}
			track.resend(65534)
			s.Flush()
			expect(track.rtxSSRC, append([]byte{255, 254}, bytes.Repeat([]byte{2}, 1000)...))
		}
	}
}

// collector keeps what it is given.
type collector struct{ packets [][]byte }

func (c *collector) Write(b []byte) (int, error) {
	c.packets = append(c.packets, bytes.Clone(b))
	return len(b), nil
}

func (c *collector) next(t *testing.T) []byte {
	t.Helper()
	if len(c.packets) == 0 {
		t.Fatal("nothing was sent")
	}
	b := c.packets[0]
	c.packets = c.packets[1:]
	return b
}

func datagram(t *testing.T, c *net.UDPConn) []byte {
	t.Helper()
	buf := make([]byte, 65536)
	_ = c.SetReadDeadline(time.Now().Add(testWait))
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// stuck is a path that takes nothing until it is freed.
type stuck struct{ in, free chan struct{} }

func (s stuck) Write(b []byte) (int, error) {
	s.in <- struct{}{}
	<-s.free
	return len(b), nil
}

// A session whose path takes nothing holds up its own writer and no other session's,
// nor what is read of it.
func TestStuckSessionHoldsUpNoOther(t *testing.T) {
	path := stuck{make(chan struct{}, 1), make(chan struct{})}
	blocked := &Session{tracks: []*localTrack{trackTo(t, path, extras{})}}
	ended := make(chan error, 1)
	go func() { ended <- blocked.WriteRTP(0, &rtp.Header{Version: 2, Marker: true}, []byte{1}) }()
	<-path.in

	track := trackTo(t, nil, extras{})
	sink := socketTo(t, track)
	s := &Session{tracks: []*localTrack{track}, sockets: track.route.sockets}
	for n := range 200 {
		h := rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: uint32(n), Marker: true}
		if err := s.WriteRTP(0, &h, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		s.Flush()
		datagram(t, sink)
	}
	if blocked.tracks[0].packetsSent.Load() != 1 {
		t.Error("the blocked session does not count")
	}
	select {
	case err := <-ended:
		t.Fatalf("the stuck session's write ended: %v", err)
	default:
	}
	close(path.free)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Nothing is sent before there are keys, and nothing is broken by trying.
func TestWriteBeforeKeys(t *testing.T) {
	track := newLocalTrack(0, Video)
	track.agree(offeredCodec{payloadType: 96})
	if err := track.write(&rtp.Header{Version: 2}, []byte{1}); err == nil {
		t.Error("a packet left without encryption")
	}
}

func TestWriteToUnknownTrack(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	for _, track := range []int{-1, 1} {
		if err := s.WriteRTP(track, &rtp.Header{Version: 2}, nil); err == nil {
			t.Errorf("track %d took a packet", track)
		}
	}
}

// BenchmarkWriteRTP is the whole way of a packet, encryption and system call
// included.
func BenchmarkWriteRTP(b *testing.B) {
	server := whiptest.NewServer(b, whiptest.Config{})
	client, err := New(Config{Endpoint: server.URL()})
	if err != nil {
		b.Fatal(err)
	}
	s, err := client.Publish(b.Context(), []Track{videoTrack})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(b.Context()) //nolint:errcheck // a benchmark
	h := rtp.Header{Version: 2}
	payload := make([]byte, 1188)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		h.SequenceNumber++
		if err := s.WriteRTP(0, &h, payload); err != nil {
			b.Fatal(err)
		}
	}
}
