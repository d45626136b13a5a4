package publisher

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/repack"
)

// repacker is what the payload formats of internal/repack have in common.
type repacker interface {
	Push(pkt *rtp.Packet, arrived time.Time, w repack.Writer) error
	Restart()
}

// outlet is the write end of one connected session, as one feed sees it.
type outlet struct {
	session TargetSession
	track   int
	convert bool // the session takes A-law where the camera sends µ-law
}

// feed is one track's way from the camera to the session. Its packet path
// (push and WriteRTP) runs on the source's goroutine alone; what other
// goroutines may touch is atomic.
type feed struct {
	track  Track
	repack repacker
	video  *repack.Video // nil for audio
	line   *repack.Line
	g711   bool
	alaw   bool // g711 only: µ-law is being turned into A-law

	out     atomic.Pointer[outlet] // nil: no session connected
	current *outlet                // the outlet that the packet path has already begun to use
	cache   gopCache               // video only, while out is nil, and for encores
	encore  *encore                // video of cameras on demand only
	shift   uint16                 // sequence numbers that encores have taken up

	quick   quickest     // of the camera's packets
	lastTS  uint32       // the newest packet's timestamp, as the camera has it
	lastIn  atomic.Int64 // arrival of the newest packet, Unix ns; 0: none since the camera was opened
	sent    *counters
	taps    *taps
	want    func() // asks the camera for a key frame
	refuses bool   // video only: B-frames end the camera's session
	needed  bool   // video only: the repacker needed one after the packet before
	keys    uint64 // video only: key frames until the packet before
	// keyed is told when a key frame began to arrive; nil: nobody asks
	keyed func(time.Time)
	pause func() // between two runs of replayed packets
}

// counters are what a publisher's feeds have sent, all together, so that they
// never step back when a feed is replaced.
type counters struct {
	packets, bytes atomic.Uint64 // RTP packets, and bytes of payload
	last           atomic.Int64  // Unix ns of the arrival of the newest video packet that was sent; 0: none
}

// newVideoFeed repacks a camera's video.
func newVideoFeed(t Track, cfg Config, sent *counters, taps *taps, want func()) *feed {
	line := repack.NewLine(90000)
	vc := repack.VideoConfig{ExtensionBytes: ExtensionRoom, SEI: cfg.SEI, OnLoss: cfg.OnLoss, DropBFrames: cfg.DropBFrames}
	var v *repack.Video
	if cfg.Codec == CodecH265 {
		v = repack.NewH265(vc, line)
	} else {
		v = repack.NewH264(vc, line)
	}
	v.SetParameterSets(t.ParameterSets...)
	f := &feed{track: t, repack: v, video: v, line: line, sent: sent, taps: taps, want: want, pause: pauseReplay, refuses: !cfg.DropBFrames}
	if cfg.OnDemand {
		f.encore = &encore{}
		f.cache.mostBytes, f.cache.mostPackets = encoreBytes, encorePackets
	}
	return f
}

// newAudioFeed passes audio on.
func newAudioFeed(t Track, sent *counters, taps *taps) *feed {
	f := &feed{track: t, sent: sent, taps: taps, pause: pauseReplay, line: repack.NewLine(uint32(t.ClockRate))}
	switch t.Codec {
	case CodecOpus:
		f.repack = repack.NewOpus(f.line)
	case CodecG722:
		f.repack = repack.NewG722(f.line)
	default:
		f.g711 = true
		f.repack = repack.NewG711(false, f.line)
	}
	return f
}

// ExtensionRoom is left in each video packet for the header extensions of a session,
// and an RTX header: the packets are made before there is a session to ask, and those
// that were kept go into the next one. Sessions need 14 bytes at most, in words of 4.
const ExtensionRoom = 16

// pauseReplay spreads a replayed group of pictures to about 80 Mb/s.
func pauseReplay() { time.Sleep(2 * time.Millisecond) }

// refused says why nothing more of the camera may be sent, nil if all is well.
func (f *feed) refused() error {
	if f.refuses && f.video.BFrames() {
		what, setting, _ := strings.Cut(f.video.BFramesSentence(), ": ")
		return &hinted{
			text: what,
			hint: setting + ", or leave them out, at a lower frame rate, by b_frames: drop",
			slow: true, barred: true,
		}
	}
	return nil
}

// push takes a packet from the camera.
func (f *feed) push(pkt *rtp.Packet, arrived time.Time) error {
	f.lastIn.Store(arrived.UnixNano())
	if pkt.Timestamp != f.lastTS {
		f.lastTS = pkt.Timestamp
		f.quick.note(pkt.Timestamp, arrived, f.track.ClockRate)
	}
	if out := f.out.Load(); f.g711 && out != nil && out.convert != f.alaw {
		f.alaw = out.convert
		f.repack = repack.NewG711(f.alaw, f.line)
	}
	err := f.repack.Push(pkt, arrived, f)
	if f.video != nil {
		if need := f.video.NeedKeyFrame(); need != f.needed {
			f.needed = need
			if need {
				f.want() // at once: until it comes the picture stands still
			}
		}
		if n := f.video.KeyFrames(); n != f.keys {
			f.keys = n
			if f.keyed != nil {
				f.keyed(f.video.Stats().LastKeyFrame)
			}
		}
	}
	return err
}

// WriteRTP takes a repacked packet: to the session if one is connected, else
// into the cache, and to whoever looks at the camera here.
func (f *feed) WriteRTP(h *rtp.Header, payload []byte) error {
	f.taps.write(f.track.Codec, h, payload)
	out := f.out.Load()
	if out != f.current {
		f.current = out
		if out != nil {
			f.cache.replay(func(h *rtp.Header, p []byte) error { return f.send(out, h, p) }, f.pause)
		}
		if out != nil && f.encore != nil {
			f.encore.begin(time.Unix(0, f.lastIn.Load()))
		} else {
			f.cache.drop()
		}
	}
	if out == nil {
		if f.video != nil {
			f.cache.add(h, payload, startsKeyFrame(f.track.Codec, payload))
		}
		return nil
	}
	if f.encore != nil {
		f.encores(out, h, payload)
	}
	return f.send(out, h, payload)
}

func (f *feed) send(out *outlet, h *rtp.Header, payload []byte) error {
	h.SequenceNumber += f.shift
	if err := out.session.WriteRTP(out.track, h, payload); err != nil {
		return err
	}
	f.sent.packets.Add(1)
	f.sent.bytes.Add(uint64(len(payload)))
	if f.video != nil {
		f.sent.last.Store(f.lastIn.Load())
	}
	return nil
}

// restart prepares for a new session with the camera.
func (f *feed) restart(t Track) {
	f.track = t
	f.lastIn.Store(0)
	f.quick.take()
	f.repack.Restart()
	if f.video != nil && len(t.ParameterSets) > 0 {
		f.video.SetParameterSets(t.ParameterSets...)
	}
}

// offer is what this feed asks of the target.
func (f *feed) offer(codecs []string) Offer {
	o := Offer{Kind: f.track.Kind, Codecs: codecs, ClockRate: f.track.ClockRate, Channels: f.track.Channels}
	if f.video != nil {
		o.Codecs = []string{f.track.Codec}
		v := f.video.Stats()
		o.ProfileLevelID, o.Width, o.Height = v.ProfileLevelID, v.Width, v.Height
	}
	return o
}

// guard turns a panic on the packet path into an error, so that one camera's
// bytes can never end the others.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("internal fault while handling a packet: %v", r)
	}
}
