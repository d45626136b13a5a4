package sdkroom

import (
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
)

// feedback is what LiveKit's RTCP says of the session's tracks. It is an interceptor:
// the SDK reads RTCP itself and hands nothing on.
type feedback struct {
	interceptor.NoOp
	session *Session

	mu       sync.Mutex
	counts   map[uint32]*trackFeedback // by SSRC
	rtt      time.Duration
	keyAsked uint64
}

// mostCounts bounds what a server can make us remember: a session has two tracks, and
// others each time the SDK has had to join anew.
const mostCounts = 32

type trackFeedback struct {
	nacked   uint64
	lost     float64
	reported time.Time
}

// NewInterceptor makes the same one for each peer connection of the session.
func (f *feedback) NewInterceptor(string) (interceptor.Interceptor, error) { return f, nil }

// BindRTCPReader looks at what is read.
func (f *feedback) BindRTCPReader(next interceptor.RTCPReader) interceptor.RTCPReader {
	return interceptor.RTCPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, a, err := next.Read(b, a)
		if err != nil {
			return n, a, err
		}
		if a == nil {
			a = make(interceptor.Attributes)
		}
		if packets, perr := a.GetRTCPPackets(b[:n]); perr == nil {
			f.take(packets, time.Now())
		}
		return n, a, nil
	})
}

func (f *feedback) take(packets []rtcp.Packet, now time.Time) {
	wanted := false
	f.mu.Lock()
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			f.keyAsked++
			wanted = true
		case *rtcp.TransportLayerNack:
			for _, pair := range p.Nacks {
				f.of(p.MediaSSRC).nacked += uint64(len(pair.PacketList()))
			}
		case *rtcp.ReceiverReport:
			for _, r := range p.Reports {
				t := f.of(r.SSRC)
				t.lost, t.reported = float64(r.FractionLost)/256, now
				if rtt, ok := roundTrip(r, now); ok {
					f.rtt = rtt
				}
			}
		}
	}
	f.mu.Unlock()
	if wanted {
		f.session.cfg.OnKeyFrameRequest()
	}
}

func (f *feedback) of(ssrc uint32) *trackFeedback {
	t := f.counts[ssrc]
	if t == nil {
		if len(f.counts) >= mostCounts {
			clear(f.counts) // they are of nobody's tracks
		}
		t = &trackFeedback{}
		f.counts[ssrc] = t
	}
	return t
}

// roundTrip works out the round-trip time of a reception report (RFC 3550 section
// 6.4.1): now less the sender report that it answers, less the time it was kept.
func roundTrip(r rtcp.ReceptionReport, now time.Time) (time.Duration, bool) {
	if r.LastSenderReport == 0 {
		return 0, false
	}
	const ntpEpoch = 2208988800 // 1970 in seconds since 1900
	seconds := uint64(now.Unix()) + ntpEpoch
	middle := uint32(seconds<<16 | uint64(now.Nanosecond())<<16/1e9)
	units := int32(middle - r.LastSenderReport - r.Delay) // 1/65536 s
	if units < 0 || units > 60<<16 {
		return 0, false
	}
	return time.Duration(units) * time.Second >> 16, true
}
