package rtspsrc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/conn"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/mikey"
	"github.com/pion/rtp"
)

// tapChannel makes a framer give what comes on a channel to a list.
func tapChannel(f *framer, channel byte, frames *[]string) {
	f.taps = append(f.taps, tap{channel, func(b []byte, _ time.Time) { *frames = append(*frames, string(b)) }})
}

// withoutLife leaves out the signs of life in what a framer passes on.
func withoutLife(b []byte) string {
	return strings.ReplaceAll(string(b), "$\xff\x00\x00", "")
}

func TestFramerTapsMedia(t *testing.T) {
	const ok = "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"
	large := "$\x00\xff\xff" + strings.Repeat("x", 65535)
	in := ok + rtpFrame(0, "one") + rtpFrame(1, "report") + "junk" + rtpFrame(0, "two") + rtpFrame(4, "foreign") +
		"$\x00\x00\x00" + ok + large + rtpFrame(2, "sound")
	for name, src := range map[string]io.Reader{
		"whole": strings.NewReader(in), "bytewise": iotest.OneByteReader(strings.NewReader(in)),
		"halves": iotest.HalfReader(strings.NewReader(in)), "end with data": iotest.DataErrReader(strings.NewReader(in)),
	} {
		f := playingFramer(src)
		f.allow(2)
		var video, sound []string
		tapChannel(f, 0, &video)
		tapChannel(f, 2, &sound)
		got, err := io.ReadAll(f)
		if want := ok + rtpFrame(1, "report") + ok; string(got) != want || err != nil {
			t.Errorf("%s: passed on %q %v", name, got, err)
		}
		if want := []string{rtpFrame(0, "one")[4:], rtpFrame(0, "two")[4:], "", large[4:]}; strings.Join(video, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %d frames", name, len(video))
		}
		if len(sound) != 1 || f.foreign.Load() != 1 || f.junk.Load() != 4 {
			t.Errorf("%s: %d frames of sound, %d foreign, %d bytes of junk", name, len(sound), f.foreign.Load(), f.junk.Load())
		}
	}
}

// TestFramerTapsOnlyWhilePlaying forces the ways around a tap.
func TestFramerTapsOnlyWhilePlaying(t *testing.T) {
	for name, set := range map[string]func(*framer){
		"before PLAY": func(f *framer) { f.playing.Store(false) },
		"over UDP":    func(f *framer) { f.udp = true },
	} {
		f := playingFramer(strings.NewReader(rtpFrame(0, "old")))
		var frames []string
		tapChannel(f, 0, &frames)
		set(f)
		if got, err := io.ReadAll(f); len(got) > 0 || err != nil || len(frames) > 0 || f.foreign.Load() != 1 {
			t.Errorf("%s: %q %v, %d frames", name, got, err, len(frames))
		}
	}
}

func TestFramerShowsLife(t *testing.T) {
	now := time.Now()
	f := playingFramer(strings.NewReader(strings.Repeat(rtpFrame(0, "x"), 10)))
	f.allow(254) // so that 255 is somebody's
	f.accepted.Store(true)
	f.life = now
	f.taps = []tap{{0, func([]byte, time.Time) { f.in.at = f.in.at.Add(lifeEvery / 4) }}}
	f.in.at = now
	got, err := io.ReadAll(f)
	if string(got) != "$\xfd\x00\x00$\xfd\x00\x00" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	// gortsplib passes over such a frame: it has nobody to give it to.
	what, err := conn.NewConn(bufio.NewReader(bytes.NewReader(got)), nil).Read()
	if fr, ok := what.(*base.InterleavedFrame); !ok || err != nil || fr.Channel != 253 || len(fr.Payload) > 0 {
		t.Errorf("gortsplib reads %v %v", what, err)
	}
}

// testReceiver is one for payload type 96, beside which the description names 97.
func testReceiver() *receiver {
	m := &description.Media{Profile: headers.TransportProfileAVP, Formats: []format.Format{
		&format.H264{PayloadTyp: 96, PacketizationMode: 1}, &format.H264{PayloadTyp: 97, PacketizationMode: 1},
	}}
	l := &link{}
	l.wire.Store(newWire(nil))
	return newReceiver(l, m, Track{Kind: Video, PayloadType: 96, ClockRate: 90000}, time.Now())
}

func TestEncryptedTracksAreNotTapped(t *testing.T) {
	for name, tc := range map[string]struct {
		set     func(*description.Media)
		channel int
		taps    int
	}{
		"plain":      {func(*description.Media) {}, 0, 1},
		"no channel": {func(*description.Media) {}, -1, 0},
		"SAVP":       {func(m *description.Media) { m.Profile = headers.TransportProfileSAVP }, 0, 0},
		"key":        {func(m *description.Media) { m.KeyMgmtMikey = &mikey.Message{} }, 0, 0},
	} {
		r := testReceiver()
		tc.set(r.media)
		r.tapped(r.link, tc.channel, func(*rtp.Packet, time.Time) {})
		if n := len(r.link.wire.Load().frames.taps); n != tc.taps {
			t.Errorf("%s: %d taps, want %d", name, n, tc.taps)
		}
	}
}

func TestParse(t *testing.T) {
	head := func(first, pt byte) []byte { return append([]byte{first, pt}, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3) }
	for _, tc := range []struct {
		name     string
		in       []byte
		want     string
		ok       bool
		unusable uint64
	}{
		{"good", append(head(0x80, 96), "video"...), "video", true, 0},
		{"marker", append(head(0x80, 0x80|96), "video"...), "video", true, 0},
		{"no payload", head(0x80, 96), "", true, 0},
		{"extension", append(head(0x90, 96), 0xab, 0xac, 0, 1, 1, 2, 3, 4, 'v'), "v", true, 0},
		{"CSRC", append(head(0x81, 96), 0, 0, 0, 9, 'v'), "v", true, 0},
		{"padding", append(head(0xa0, 96), 'v', 0, 2), "v", true, 0},
		{"padding of nothing", append(head(0xa0, 96), 'v', 0), "v\x00", true, 0},
		{"only padding", append(head(0xa0, 96), 1), "", true, 0},
		{"no padding after all", head(0xa0, 96), "", false, 1},
		{"too much padding", append(head(0xa0, 96), 'v', 3), "", false, 1},
		{"other payload type", append(head(0x80, 97), 'v'), "", false, 0},
		{"unknown payload type", append(head(0x80, 50), 'v'), "", false, 1},
		{"RTCP", head(0x80, 200), "", false, 1},
		{"short", head(0x80, 96)[:11], "", false, 1},
		{"extension too long", append(head(0x90, 96), 0xab, 0xac, 0, 9), "", false, 1},
		{"nothing", nil, "", false, 1},
	} {
		r := testReceiver()
		r.tapped(r.link, 0, nil)
		// What the packet before has left behind must not matter.
		r.parse(append(head(0xb1, 96), 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 'x', 1))
		ok := r.parse(tc.in)
		if n := r.link.unusable.Load(); ok != tc.ok || n != tc.unusable {
			t.Errorf("%s: %v, %d unusable", tc.name, ok, n)
		}
		if ok && string(r.pkt.Payload) != tc.want {
			t.Errorf("%s: payload %q", tc.name, r.pkt.Payload)
		}
	}
}

// FuzzMedia checks that what is tapped is what gortsplib would have read, frame by
// frame, and that the rest is the same.
func FuzzMedia(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n" + rtpFrame(0, "x") + "junk" + rtpFrame(9, "y") + rtpFrame(1, "z") + rtpFrame(0, "x")))
	f.Add([]byte(rtpFrame(0, "x") + "R$\x00\x00\x00" + rtpFrame(0, "x")[:9]))
	f.Add([]byte(rtpFrame(0, "\xa0") + "$\x00\x00\x0d\xa0\x60" + strings.Repeat("\x00", 10) + "\x09"))
	f.Fuzz(func(t *testing.T, in []byte) {
		plain, err := io.ReadAll(playingFramer(bytes.NewReader(in)))
		if err != nil {
			return
		}
		for _, src := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in))} {
			framer := playingFramer(src)
			var frames []string
			tapChannel(framer, 0, &frames)
			rest, err := io.ReadAll(framer)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			var wantRest []byte
			for b := plain; len(b) > 0; {
				n := 1
				if b[0] == '$' && len(b) >= 4 {
					n = min(len(b), 4+int(b[2])<<8+int(b[3]))
					if whole := n == 4+int(b[2])<<8+int(b[3]); b[1] == 0 {
						if whole {
							want = append(want, string(b[4:n]))
						}
						b = b[n:]
						continue
					}
				} else if i := bytes.Index(b, []byte("\r\n\r\n")); b[0] != '$' && i >= 0 {
					n = min(len(b), i+4+bodyLength(b[:i]))
				}
				wantRest = append(wantRest, b[:n]...)
				b = b[n:]
			}
			if strings.Join(frames, "|") != strings.Join(want, "|") || withoutLife(rest) != withoutLife(wantRest) {
				t.Fatalf("frames %q, want %q\nrest %q, want %q", frames, want, rest, wantRest)
			}
			r := testReceiver()
			r.tapped(r.link, 0, nil)
			for _, fr := range frames {
				checkParse(t, r, []byte(fr))
			}
		}
	})
}

// bodyLength is the Content-Length in a repaired head, which comes last.
func bodyLength(head []byte) (n int) {
	_, v, _ := bytes.Cut(head[max(0, bytes.LastIndexByte(head, '\n')):], []byte("Content-Length: "))
	for _, c := range v {
		n = 10*n + int(c-'0')
	}
	return n
}

// checkParse compares with pion's way to read a packet.
func checkParse(t *testing.T, r *receiver, b []byte) {
	var want rtp.Packet
	err := want.Unmarshal(b)
	if !r.parse(b) {
		if err == nil && want.PayloadType == 96 {
			t.Fatalf("%q is a packet", b)
		}
		return
	}
	got := &r.pkt
	if err != nil {
		if got.Padding && got.Header.PaddingSize == 0 {
			return // which pion does not like, and gortsplib does not mind
		}
		t.Fatalf("%q is none: %v", b, err)
	}
	if !bytes.Equal(got.Payload, want.Payload) || got.SequenceNumber != want.SequenceNumber || got.Marker != want.Marker ||
		got.Timestamp != want.Timestamp || got.SSRC != want.SSRC {
		t.Fatalf("%q: %v", b, got)
	}
}

func TestReadErrorsPass(t *testing.T) {
	broken := errors.New("broken")
	f := playingFramer(io.MultiReader(strings.NewReader(rtpFrame(0, "x")+rtpFrame(1, "y")+"$\x00"), iotest.ErrReader(broken)))
	var frames []string
	tapChannel(f, 0, &frames)
	if got, err := io.ReadAll(f); string(got) != rtpFrame(1, "y") || !errors.Is(err, broken) || len(frames) != 1 {
		t.Errorf("%q %v, %d frames", got, err, len(frames))
	}
	if _, err := playingFramer(idle{}).Read(make([]byte, 10)); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

// idle returns neither data nor an error.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
