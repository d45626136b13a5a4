package rtspsrc

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// setup sends SETUP for each track and hangs in the handler.
func (s *Session) setup(l *link, tracks []Track, h Handler) ([]*receiver, error) {
	if s.flowing == nil {
		s.flowing = make(chan struct{})
	}
	var receivers []*receiver
	for _, t := range tracks {
		m, f, err := l.find(t)
		if err != nil {
			return nil, err
		}
		if err := l.setup(m); err != nil {
			if len(receivers) > 0 && t.Kind == Audio && trackOnly(err) {
				s.src.log.Warn("track left out", "url", s.src.name, "codec", t.Codec, "reason", l.fail("setup", err).Error())
				continue
			}
			return nil, err
		}
		r := newReceiver(l, m, t, s.started)
		r.adopt(l)
		receivers = append(receivers, r)
		deliver := func(pkt *rtp.Packet, arrived time.Time) {
			if r.count(pkt, arrived) {
				s.firstPacket.Do(func() { close(s.flowing) })
			}
			h(t, pkt, arrived)
		}
		r.tapped(l, l.soFar().channel, deliver)
		l.client.OnPacketRTP(m, f, func(pkt *rtp.Packet) {
			if arrived, ok := r.arrival(pkt); ok {
				deliver(pkt, arrived)
			} else {
				l.unusable.Add(1)
			}
		})
		l.client.OnPacketRTCP(m, func(pkt rtcp.Packet) { r.report(pkt, time.Now()) })
	}
	return receivers, nil
}

// trackOnly reports that a SETUP failed by the camera's answer, with the connection
// still in order: picture without sound is better than neither.
func trackOnly(err error) bool {
	return errors.As(err, new(liberrors.ErrClientBadStatusCode)) ||
		errors.As(err, new(liberrors.ErrClientTransportHeaderInvalid)) ||
		errors.As(err, new(liberrors.ErrClientTransportHeaderNoInterleavedIDs)) ||
		errors.As(err, new(liberrors.ErrClientTransportHeaderInvalidInterleavedIDs)) ||
		errors.As(err, new(liberrors.ErrClientTransportHeaderInterleavedIDsInUse))
}

// find returns gortsplib's view of a track.
func (l *link) find(t Track) (*description.Media, format.Format, error) {
	if t.ID >= 0 && t.ID < len(l.desc.Medias) {
		m := l.desc.Medias[t.ID]
		for _, f := range m.Formats {
			if f.PayloadType() == t.PayloadType && !m.IsBackChannel {
				if h, ok := f.(*format.H264); ok {
					// gortsplib refuses mode 0 over UDP; cameras declare it and send
					// fragments all the same, and we only pass packets on.
					h.PacketizationMode = max(h.PacketizationMode, 1)
				}
				return m, f, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("the camera does not offer track %d (%s) any more", t.ID, t.Codec)
}

// setup sends SETUP for one media, with its control attribute read in another
// way if the camera does not find the first.
func (l *link) setup(m *description.Media) error {
	original := m.Control
	l.secret.Store(encrypted(m) || l.url.Scheme == "rtsps")
	l.rtpSocket.Store(nil)
	l.rtcpSocket.Store(nil)
	l.setChannel(-1)
	var first error
	for _, control := range controls(original, l.desc.BaseURL) {
		m.Control = control
		if u, err := m.URL(l.desc.BaseURL); err != nil || u == nil {
			continue // gortsplib would not survive it
		}
		err := l.twice(func() error {
			_, err := l.client.Setup(l.desc.BaseURL, m, 0, 0)
			return err
		})
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		if l.soFar().status != 404 || !errors.As(err, new(liberrors.ErrClientBadStatusCode)) {
			return first
		}
	}
	if first == nil {
		first = fmt.Errorf("the track's control URL cannot be used")
	}
	return first
}

// encrypted reports that gortsplib may find a key for a track, with which it decrypts
// whatever comes.
func encrypted(m *description.Media) bool {
	return m.Profile != headers.TransportProfileAVP || m.KeyMgmtMikey != nil || m.KeyMgmtSDES != nil
}

func (l *link) setChannel(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.channel = n
}

// controls returns the ways to read a control attribute: as gortsplib does, which
// appends it to the base; and as RFC 3986 does, which replaces the last segment.
func controls(control string, baseURL *base.URL) []string {
	ways := []string{control}
	if joined := joinControl(nil, baseURL, control); joined != "" && control != "" {
		ways = append(ways, joined)
	}
	return ways
}

// twice repeats a request that failed only because the camera's nonce was old.
func (l *link) twice(f func() error) error {
	err := f()
	if err != nil && l.again() {
		err = f()
	}
	return err
}
