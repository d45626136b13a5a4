// Package feed sends a clip to an RTSP server with ANNOUNCE and RECORD, as a
// camera's encoder does that pushes. Tests fill MediaMTX with it.
package feed

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// Config says what to send. The zero value sends 360p-baseline without audio.
type Config struct {
	Clip  string // name of an embedded clip; "" means 360p-baseline
	Audio string // "", "opus", "pcma", "pcmu", "aac"

	Username string
	Password string

	// MTU is the largest RTP packet in bytes, header included, at most 1472.
	// 0 means 1400.
	MTU int

	FromStart bool // begin at the clip's first access unit, not at a random one
	UDP       bool // send over UDP instead of TCP

	// OnAccessUnit is told of every access unit before it is sent. The NAL units
	// are shared and must not be changed.
	OnAccessUnit func(nalus [][]byte)
}

// Feed is a clip on its way to a server.
type Feed struct {
	client *gortsplib.Client
	player *reel.Player
	cancel context.CancelFunc
	wg     sync.WaitGroup
	done   chan struct{}
	err    error // set before done is closed
}

// Start connects to an RTSP URL and begins to send. It does not connect again
// when the connection ends: see Done.
func Start(address string, cfg Config) (*Feed, error) {
	f, err := start(address, cfg)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return f, nil
}

func start(address string, cfg Config) (*Feed, error) {
	if cfg.Clip == "" {
		cfg.Clip = "360p-baseline"
	}
	script := reel.Script{FromStart: cfg.FromStart}
	var err error
	if script.Film, err = reel.LoadFilm(cfg.Clip, reel.Shape{PacketSize: cfg.MTU}); err != nil {
		return nil, err
	}
	video := &description.Media{
		Type:    description.MediaTypeVideo,
		Formats: []format.Format{reel.VideoFormat(script.Film)},
	}
	medias := []*description.Media{video}
	if cfg.Audio != "" {
		if script.Track, err = reel.LoadTrack(cfg.Audio); err != nil {
			return nil, err
		}
		medias = append(medias, &description.Media{
			Type:    description.MediaTypeAudio,
			Formats: []format.Format{reel.AudioFormat(script.Track)},
		})
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if cfg.Username != "" {
		u.User = url.UserPassword(cfg.Username, cfg.Password)
	}
	f := &Feed{client: newClient(cfg.UDP), done: make(chan struct{})}
	if err := f.client.StartRecording(u.String(), &description.Session{Medias: medias}); err != nil {
		return nil, fmt.Errorf("record to %s: %w", u.Redacted(), err)
	}
	f.player = reel.NewPlayer(script, f.sink(medias, cfg.OnAccessUnit))
	f.run()
	return f, nil
}

func newClient(udp bool) *gortsplib.Client {
	protocol := gortsplib.ProtocolTCP
	if udp {
		protocol = gortsplib.ProtocolUDP
	}
	return &gortsplib.Client{
		Protocol:       &protocol,
		WriteQueueSize: 2048,
		UserAgent:      "rtsp2whip-feed",
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return reel.Gather(c), nil
		},
		OnPacketsLost: func(uint64) {},
		OnDecodeError: func(error) {},
	}
}

// run starts the player, and the wait for the connection's end.
func (f *Feed) run() {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.wg.Go(func() { f.player.Run(ctx) })
	f.wg.Go(func() {
		err := f.client.Wait()
		cancel()
		f.err = fmt.Errorf("feed: %w", err)
		close(f.done)
	})
}

func (f *Feed) sink(medias []*description.Media, tap func([][]byte)) reel.Sink {
	to := func(media *description.Media) func(*rtp.Packet, time.Time) error {
		return func(pkt *rtp.Packet, ntp time.Time) error { return f.client.WritePacketRTPWithNTP(media, pkt, ntp) }
	}
	s := reel.Sink{Watched: func() bool { return true }, Video: to(medias[0]), AccessUnit: tap}
	if len(medias) > 1 {
		s.Audio = to(medias[1])
	}
	return s
}

// Freeze stops the media while the connection stays, or lets it go on.
func (f *Feed) Freeze(on bool) { f.player.Freeze(on) }

// Stats may be called at any time.
func (f *Feed) Stats() reel.Stats { return f.player.Stats() }

// Done is closed when the connection has ended; Err tells why.
func (f *Feed) Done() <-chan struct{} { return f.done }

// Err waits for Done and returns the reason. It is never nil.
func (f *Feed) Err() error {
	<-f.done
	return f.err
}

// Close ends the feed with TEARDOWN and waits for its goroutines.
func (f *Feed) Close() {
	f.cancel()
	f.client.Close()
	f.wg.Wait()
}
