//go:build linux

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// cameraStats are what the cameras have sent to readers.
type cameraStats struct {
	Pictures, Packets, Overruns uint64
}

// announcement is the first line that a child process prints.
type announcement struct {
	URL     string // RTSP for cameras, with /0, /1 ... behind it; HTTP for the sink
	Control string // GET for statistics
}

// cameras are RTSP cameras in one server, one path each.
type cameras struct {
	streams  []*gortsplib.ServerStream
	ready    chan struct{}
	watched  []atomic.Int64
	pictures atomic.Uint64
	packets  atomic.Uint64
	overruns atomic.Uint64
}

// camerasMain is the cameras' process. It ends with its parent.
func camerasMain(args []string) error {
	f := flag.NewFlagSet("cameras", flag.ContinueOnError)
	count := f.Int("n", 1, "how many")
	slices := f.Int("slices", 1, "per picture")
	port := f.Int("port", 0, "first of four free ports")
	if err := f.Parse(args); err != nil {
		return err
	}
	film, err := newStream(*slices)
	if err != nil {
		return err
	}
	c := &cameras{watched: make([]atomic.Int64, *count), ready: make(chan struct{})}
	at := func(offset int) string { return fmt.Sprintf("127.0.0.1:%d", *port+offset) }
	server := &gortsplib.Server{
		Handler: c, RTSPAddress: at(0), UDPRTPAddress: at(2), UDPRTCPAddress: at(3), WriteQueueSize: 4096,
		Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			return gathering{l}, err
		},
	}
	if err := server.Start(); err != nil {
		return err
	}
	for i := range *count {
		media := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{
			&format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: film.sps, PPS: film.pps},
		}}
		s := &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: []*description.Media{media}}}
		if err := s.Initialize(); err != nil {
			return err
		}
		c.streams = append(c.streams, s)
		go c.play(i, *count, film)
	}
	close(c.ready)
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(announcement{URL: "rtsp://" + at(0), Control: "http://" + control.Addr().String()}); err != nil {
		return err
	}
	return http.Serve(control, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // local
		_ = json.NewEncoder(w).Encode(cameraStats{Pictures: c.pictures.Load(), Packets: c.packets.Load(), Overruns: c.overruns.Load()})
	}))
}

// gathering writes a picture's interleaved frames at once, as camsim does.
type gathering struct{ net.Listener }

func (g gathering) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return reel.Gather(c), nil
}

// play sends camera i's pictures, in a phase of its own.
func (c *cameras) play(i, of int, film *stream) {
	const interval = time.Second / fps
	var packets [gop][][]byte
	for k, nalus := range film.frames {
		for _, n := range nalus {
			packets[k] = append(packets[k], fragments(n)...)
		}
	}
	start := time.Now().Add(interval * time.Duration(i) / time.Duration(of))
	place := i * gop / of
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: uint16(rand.Uint32()), SSRC: rand.Uint32()}} //nolint:gosec // as cameras do
	media := c.streams[i].Desc.Medias[0]
	scratch := make([]byte, 1500)
	for n := uint32(0); ; n++ {
		time.Sleep(time.Until(start.Add(time.Duration(n) * interval)))
		if c.watched[i].Load() == 0 {
			continue
		}
		payloads := packets[(place+int(n))%gop]
		pkt.Timestamp = n * 90000 / fps
		now, stamped := time.Now(), false
		for k, payload := range payloads {
			if _, _, first := stamp(payload); first && !stamped {
				stamped = true
				skip := 0
				if payload[0]&0x1f == 28 {
					skip = 1
				}
				scratch = append(scratch[:0], payload...)
				putStamp(scratch[skip+stampAt:], n, now)
				payload = scratch
			}
			pkt.Payload, pkt.Marker = payload, k == len(payloads)-1
			if c.streams[i].WritePacketRTPWithNTP(media, pkt, now) == nil {
				c.packets.Add(1)
			}
			pkt.SequenceNumber++
		}
		c.pictures.Add(1)
	}
}

// number is the camera that a path names, or -1.
func (c *cameras) number(path string) int {
	<-c.ready
	i, err := strconv.Atoi(strings.Trim(path, "/"))
	if err != nil || i < 0 || i >= len(c.streams) {
		return -1
	}
	return i
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (c *cameras) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if i := c.number(ctx.Path); i >= 0 {
		return &base.Response{StatusCode: base.StatusOK}, c.streams[i], nil
	}
	return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (c *cameras) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if i := c.number(ctx.Path); i >= 0 {
		ctx.Session.SetUserData(i)
		return &base.Response{StatusCode: base.StatusOK}, c.streams[i], nil
	}
	return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (c *cameras) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	if i, ok := ctx.Session.UserData().(int); ok {
		c.watched[i].Store(1)
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose.
func (c *cameras) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if i, ok := ctx.Session.UserData().(int); ok {
		c.watched[i].Store(0)
	}
}

// OnGetParameter answers keep-alives.
func (c *cameras) OnGetParameter(*gortsplib.ServerHandlerOnGetParameterCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnDecodeError takes what the library would print.
func (c *cameras) OnDecodeError(*gortsplib.ServerHandlerOnDecodeErrorCtx) {}

// OnStreamWriteError is called when a reader is too slow and loses a packet.
func (c *cameras) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {
	c.overruns.Add(1)
}
