package publisher

import (
	"context"
	"time"

	"github.com/pion/rtp"
)

// Codec names, as in the RTP payload format registrations.
const (
	CodecH264 = "H264"
	CodecH265 = "H265"
	CodecOpus = "opus"
	CodecG722 = "G722"
	CodecPCMA = "PCMA"
	CodecPCMU = "PCMU"
)

// Kind tells video from audio.
type Kind string

// The kinds of a track.
const (
	Video Kind = "video"
	Audio Kind = "audio"
)

// Track is one media stream that a camera announces.
type Track struct {
	ID        int // the source's own number, handed back to Play
	Kind      Kind
	Codec     string
	ClockRate int // Hz
	Channels  int
	// ParameterSets are the NAL units of the session description, without
	// start codes. A hint only: cameras lie, in-band ones win.
	ParameterSets [][]byte
}

// Source is a camera that can be opened again and again.
type Source interface {
	// Open connects, authenticates and learns the tracks. It ends early with
	// ctx. Its error may carry a hint and a pace (see Fault).
	Open(ctx context.Context) (SourceSession, error)
}

// Pausing is a Source that tells when it has handed over all that has arrived
// and is about to wait for more. Packets that have gathered then leave at once;
// without it they leave at the end of their access unit, or a moment later.
type Pausing interface {
	// OnPause is called before the first Open. Its argument may be called by
	// several goroutines at once, and is quick.
	OnPause(f func())
}

// Prompted is a SourceSession that finds out how its camera is asked for key frames,
// and needs to see them come for that.
type Prompted interface {
	// KeyFrameArrived tells of a key frame that began to arrive at that time. It
	// is called on the packet path.
	KeyFrameArrived(at time.Time)
	// Prompt tells what is known of asking.
	Prompt() Prompt
}

// Prompt is how a camera is asked for key frames.
type Prompt struct {
	Way     string        // that the camera honours, "" while none is known
	Delay   time.Duration // from asking to the key frame, the last time; 0 while unknown
	Asks    uint64        // requests sent to the camera
	GOP     time.Duration // between key frames that come by themselves; 0 while unknown
	Problem string        // that nothing helps, and what to set at the camera; "" otherwise
}

// Handler takes one packet of the track with the given ID. It is called from
// the source's reading goroutine (never two at once for one track) and must not
// keep the packet. arrived is the local time of the read.
type Handler func(id int, pkt *rtp.Packet, arrived time.Time)

// SourceSession is one open session with a camera.
type SourceSession interface {
	Tracks() []Track
	// Ignored has one sentence for each track that the source itself left out.
	Ignored() []string
	// Play starts the media of just these tracks.
	Play(ctx context.Context, tracks []Track, h Handler) error
	// RequestKeyFrame asks the camera for an IDR in the best way it has, and does
	// not wait for it.
	RequestKeyFrame() error
	// Done is closed when the session has ended by itself; Err tells why. An
	// error with a method Stalled() bool that says true means that the camera
	// still answers and only its frames have stopped.
	Done() <-chan struct{}
	Err() error
	// Close ends the session and returns when no Handler runs any more.
	Close() error
}

// Offer is one track as it is offered to the target.
type Offer struct {
	Kind Kind
	// Codecs in order of preference; the target takes one of them.
	Codecs         []string
	ProfileLevelID string // video only: six hex digits, from the SPS (see repack.VideoInfo)
	Width, Height  int    // video only: pixels, 0 if unknown
	ClockRate      int    // Hz
	Channels       int
}

// Target is where a camera is published.
type Target interface {
	// String names the target for people, without any secret.
	String() string
	// AudioCodecs lists, in order of preference, what to offer for a camera
	// whose audio has this codec; none where the target cannot take it.
	AudioCodecs(codec string) []string
	// Publish offers the tracks and returns a connected session. After an
	// error nothing is left behind. onKeyFrame is called, from any goroutine,
	// when a receiver asks for a key frame.
	Publish(ctx context.Context, offers []Offer, onKeyFrame func()) (TargetSession, error)
}

// TargetSession is one connected publication.
type TargetSession interface {
	// Codec is the codec that was agreed for an offer, by its index.
	Codec(track int) string
	// WriteRTP sends one packet; SSRC and payload type are the session's.
	// Neither header nor payload is kept.
	WriteRTP(track int, h *rtp.Header, payload []byte) error
	// Flush sends what WriteRTP may have gathered. It may be called by several
	// goroutines at once and is cheap when there is nothing. A session that is
	// flushed once counts on being flushed at every pause.
	Flush()
	Stats() TargetStats
	// Done is closed when the session is lost; Err tells why.
	Done() <-chan struct{}
	Err() error
	// Close ends the session at the far end too, within ctx.
	Close(ctx context.Context) error
}

// TargetStats is what the far end's RTCP says about one session.
type TargetStats struct {
	Nacked        uint64        // packets asked for again
	Retransmitted uint64        // packets sent again
	Restarts      uint64        // moves to a new path
	KeyFramesWant uint64        // PLI and FIR received
	Sent          uint64        // packets, without those sent again
	FractionLost  float64       // 0..1, newest receiver report of the video track
	Reported      time.Time     // when that came; zero: none has
	Searching     bool          // the connection is lost, and the session looks for it
	PathLost      float64       // 0..1, in the last second; 0 where the far end tells only by reports
	RTT           time.Duration // 0 while unknown
	Path          string        // the ICE pair in use, for people
	PathType      string        // host, srflx, prflx or relay
	PathProtocol  string        // udp, tcp, tls or dtls
	AvailableRate float64       // bits a second that the path carries at least; 0 while unknown
	AllowedRate   float64       // bits a second that the far end lets the video send; 0: it has set no limit
	Pacing        PacingStats
}

// PacingStats tell of the queue that spreads bursts; all 0 without one.
type PacingStats struct {
	Rate      float64 // bits a second; it follows the stream if Auto
	Auto      bool
	Delay     time.Duration // the longest wait of a packet in the last seconds
	Delayed   uint64        // packets that have waited
	Hastened  uint64        // of those, the ones sent above the rate because they had waited long enough
	Discarded uint64        // retransmissions for which there was no room
}

// plus adds the counts of another session.
func (p PacingStats) plus(o PacingStats) PacingStats {
	p.Delayed += o.Delayed
	p.Hastened += o.Hastened
	p.Discarded += o.Discarded
	return p
}
