package camsim

import (
	"context"
	"fmt"
	"net"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// start brings up a server, its stream and the player that feeds it.
func (c *Camera) start() (machine, error) {
	r := &run{camera: c, conns: map[*gortsplib.ServerConn]bool{}, playing: map[*gortsplib.ServerSession]bool{}}
	if err := c.listen(r); err != nil {
		return nil, err
	}
	r.describe()
	if err := r.stream.Initialize(); err != nil {
		r.server.Close()
		return nil, fmt.Errorf("describe the stream: %w", err)
	}
	r.player = reel.NewPlayer(c.script(), r.sink())
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.done.Go(func() { r.player.Run(ctx) })
	close(r.ready)
	return r, nil
}

func (c *Camera) script() reel.Script {
	s := reel.Script{
		Film:      c.film,
		Track:     c.track,
		FromStart: c.cfg.FromStart,
		FreezeAt:  c.cfg.Faults.MuteAfter,
		DropEvery: c.cfg.Faults.DropEvery,
		ZeroStart: c.cfg.Faults.ZeroStart,
	}
	if c.track != nil && c.cfg.Faults.AudioJitter {
		s.AudioJitter = uint32(c.track.Sound.Samples) * 3 / 4
	}
	if c.cfg.Faults.SilentAudio {
		s.Track = nil
	}
	return s
}

// listen starts the RTSP server, with a pair of UDP ports unless the camera has
// none.
func (c *Camera) listen(r *run) error {
	r.ready = make(chan struct{})
	r.server = &gortsplib.Server{
		Handler:        handler{r},
		RTSPAddress:    c.addr,
		WriteQueueSize: 2048, // several key frames of 1080p
		Listen:         c.open,
	}
	if c.cfg.Faults.DigestSHA256 {
		r.server.AuthMethods = []auth.VerifyMethod{auth.VerifyMethodDigestSHA256}
	} else {
		r.server.AuthMethods = []auth.VerifyMethod{auth.VerifyMethodDigestMD5}
	}
	host, _, err := net.SplitHostPort(c.addr)
	if err != nil {
		return err
	}
	if c.cfg.Transport != TCPOnly {
		pair, err := listenPair(host)
		if err != nil {
			return err
		}
		defer pair.release()
		r.server.UDPRTPAddress, r.server.UDPRTCPAddress = pair.addresses()
		r.server.ListenPacket = pair.take
	}
	if err := r.server.Start(); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}
