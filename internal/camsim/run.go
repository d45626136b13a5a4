package camsim

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// run is a camera between switching on and switching off.
type run struct {
	camera *Camera
	server *gortsplib.Server
	stream *gortsplib.ServerStream
	player *reel.Player
	video  *description.Media
	audio  *description.Media // nil without audio

	ready  chan struct{} // closed when everything above is set
	cancel context.CancelFunc
	done   sync.WaitGroup

	readers atomic.Int64
	asks    atomic.Uint64 // PLI and FIR received
	lost    atomic.Uint64 // packets that a slow reader did not get

	mu      sync.Mutex
	conns   map[*gortsplib.ServerConn]bool
	playing map[*gortsplib.ServerSession]bool
}

func (r *run) address() string { return r.server.NetListener().Addr().String() }

func (r *run) freeze(on bool) { r.player.Freeze(on) }

func (r *run) keyFrame() { r.player.KeyFrame() }

// impair does nothing: losses on the way are left to our own server.
func (r *run) impair(_, _, _ int) {}

func (r *run) jump(by time.Duration) { r.player.Jump(by) }

func (r *run) stepClock(by time.Duration) { r.player.StepClock(by) }

func (r *run) stats() Stats {
	return Stats{
		Stats:            r.player.Stats(),
		Readers:          int(r.readers.Load()),
		KeyFrameRequests: r.asks.Load(),
		Overruns:         r.lost.Load(),
	}
}

func (r *run) close() {
	r.cancel()
	r.done.Wait()
	r.stream.Close()
	r.server.Close()
}

// describe fills in what DESCRIBE says.
func (r *run) describe() {
	r.video = &description.Media{
		Type:    description.MediaTypeVideo,
		Formats: []format.Format{videoFormat(r.camera.film, r.camera.cfg.Faults.NoSprop)},
	}
	medias := []*description.Media{r.video}
	if t := r.camera.track; t != nil {
		r.audio = &description.Media{
			Type:    description.MediaTypeAudio,
			Formats: []format.Format{reel.AudioFormat(t)},
		}
		medias = append(medias, r.audio)
	}
	r.stream = &gortsplib.ServerStream{Server: r.server, Desc: &description.Session{Medias: medias}}
}

func videoFormat(film *reel.Film, noSprop bool) format.Format {
	f := reel.VideoFormat(film)
	if noSprop {
		switch f := f.(type) {
		case *format.H264:
			f.SPS, f.PPS = nil, nil
		case *format.H265:
			f.VPS, f.SPS, f.PPS = nil, nil, nil
		}
	}
	return f
}

func (r *run) sink() reel.Sink {
	return reel.Sink{
		Watched: func() bool { return r.readers.Load() > 0 },
		Video: func(pkt *rtp.Packet, ntp time.Time) error {
			return r.stream.WritePacketRTPWithNTP(r.video, pkt, ntp)
		},
		Audio: func(pkt *rtp.Packet, ntp time.Time) error {
			return r.stream.WritePacketRTPWithNTP(r.audio, pkt, ntp)
		},
		AccessUnit: r.camera.cfg.OnAccessUnit,
	}
}

// joined notes that a session plays.
func (r *run) joined(s *gortsplib.ServerSession) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.playing[s] {
		r.playing[s] = true
		r.readers.Add(1)
	}
}

// kick ends all sessions that play.
func (r *run) kick() {
	r.mu.Lock()
	var all []*gortsplib.ServerSession
	for s := range r.playing {
		all = append(all, s)
	}
	r.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
}

// hangUp breaks all connections. A session over UDP would outlive its own.
func (r *run) hangUp() {
	r.kick()
	r.mu.Lock()
	all := slices.Collect(maps.Keys(r.conns))
	r.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

// left notes that a session is over, whether it has played or not.
func (r *run) left(s *gortsplib.ServerSession) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.playing[s] {
		delete(r.playing, s)
		r.readers.Add(-1)
	}
}
