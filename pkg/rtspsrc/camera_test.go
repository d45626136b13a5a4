package rtspsrc_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// camera is a real RTSP server on loopback that sends H.264 and PCMU.
type camera struct {
	opts   cameraOptions
	srv    *gortsplib.Server
	stream *gortsplib.ServerStream
	desc   *description.Session
	addr   string
	mute   atomic.Bool

	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	methods []string
	auths   int
	rtcp    []rtcp.Packet
	setups  []gortsplib.Protocol
	open    int // sessions without TEARDOWN
	maxOpen int
}

type cameraOptions struct {
	user, pass string
	udp        bool // accept UDP
	noTCP      bool // refuse TCP with 461
	silentUDP  bool // accept UDP and send nothing over it
	tls        *tls.Config
	srtp       bool // RTP is encrypted, whatever is around it
}

func startCamera(tb testing.TB, opts cameraOptions) *camera {
	tb.Helper()
	c, err := newCamera(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Stop)
	return c
}

// exampleCamera is the one that the example talks to.
func exampleCamera() *camera {
	c, err := newCamera(cameraOptions{user: "viewer", pass: "any / character # works"})
	if err != nil {
		panic(err)
	}
	return c
}

func newCamera(opts cameraOptions) (*camera, error) {
	h264 := &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: rtspsrc.MakeSPS(640, 352), PPS: rtspsrc.MakePPS()}
	c := &camera{opts: opts, stop: make(chan struct{})}
	c.desc = &description.Session{Medias: []*description.Media{
		{Type: description.MediaTypeVideo, Formats: []format.Format{h264}},
		{Type: description.MediaTypeAudio, Formats: []format.Format{&format.G711{PayloadTyp: 0, MULaw: true, SampleRate: 8000, ChannelCount: 1}}},
	}}
	if opts.srtp {
		for _, m := range c.desc.Medias {
			m.Profile = headers.TransportProfileSAVP
		}
	}
	for try := 0; ; try++ {
		c.srv = &gortsplib.Server{
			Handler: c, RTSPAddress: "127.0.0.1:0", TLSConfig: opts.tls,
			Listen: func(network, address string) (net.Listener, error) {
				ln, err := net.Listen(network, address)
				if err == nil {
					c.addr = ln.Addr().String()
				}
				return ln, err
			},
		}
		if opts.udp {
			port := 20000 + 2*int(time.Now().UnixNano()/1000%15000)
			c.srv.UDPRTPAddress = fmt.Sprintf("127.0.0.1:%d", port)
			c.srv.UDPRTCPAddress = fmt.Sprintf("127.0.0.1:%d", port+1)
		}
		err := c.srv.Start()
		if err == nil {
			break
		}
		if try == 20 { // a free port pair has to be guessed
			return nil, err
		}
	}
	c.stream = &gortsplib.ServerStream{Server: c.srv, Desc: c.desc}
	if err := c.stream.Initialize(); err != nil {
		return nil, err
	}
	c.wg.Add(1)
	go c.send()
	return c, nil
}

// Stop may be called twice.
func (c *camera) Stop() {
	select {
	case <-c.stop:
		return
	default:
	}
	close(c.stop)
	c.wg.Wait()
	c.stream.Close()
	c.srv.Close()
}

func (c *camera) URL() string {
	if c.opts.tls != nil {
		return "rtsps://" + c.addr + "/stream1"
	}
	return "rtsp://" + c.addr + "/stream1"
}

// send writes a picture every 10 ms, each 25th of them an IDR with its parameter
// sets, and as much audio.
func (c *camera) send() {
	defer c.wg.Done()
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	var vseq, aseq uint16
	for n := uint32(0); ; n++ {
		select {
		case <-c.stop:
			return
		case <-t.C:
		}
		if c.mute.Load() {
			continue
		}
		units := [][]byte{append([]byte{0x41}, make([]byte, 900)...)}
		if n%25 == 0 {
			units = [][]byte{rtspsrc.MakeSPS(640, 352), rtspsrc.MakePPS(), append([]byte{0x65}, make([]byte, 1300)...)}
		}
		for i, u := range units {
			c.write(0, 96, &vseq, n*900, i == len(units)-1, u)
		}
		c.write(1, 0, &aseq, n*80, false, make([]byte, 80))
	}
}

func (c *camera) write(media int, pt uint8, seq *uint16, ts uint32, marker bool, payload []byte) {
	*seq++
	_ = c.stream.WritePacketRTP(c.desc.Medias[media], &rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: *seq, Timestamp: ts, Marker: marker, SSRC: 0x1234},
		Payload: payload,
	})
}

func (c *camera) OnRequest(_ *gortsplib.ServerConn, req *base.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.methods = append(c.methods, string(req.Method))
	if req.Method == base.Teardown {
		c.open--
	}
	if _, ok := req.Header["Authorization"]; ok {
		c.auths++
	}
}

func (c *camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.opts.user != "" && !ctx.Conn.VerifyCredentials(ctx.Request, c.opts.user, c.opts.pass) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c.mu.Lock()
	c.setups = append(c.setups, ctx.Transport.Protocol)
	c.mu.Unlock()
	if c.opts.noTCP && ctx.Transport.Protocol == gortsplib.ProtocolTCP {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	c.mute.Store(c.opts.silentUDP && ctx.Transport.Protocol != gortsplib.ProtocolTCP)
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	ctx.Session.OnPacketRTCPAny(func(_ *description.Media, pkt rtcp.Packet) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.rtcp = append(c.rtcp, pkt)
	})
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *camera) OnSessionOpen(*gortsplib.ServerHandlerOnSessionOpenCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.maxOpen = max(c.maxOpen, c.open)
}

func (c *camera) saw(method string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.methods, method)
}

func (c *camera) protocols() []gortsplib.Protocol {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.setups)
}

// received returns the RTCP packets of one type that we have sent.
func received[T rtcp.Packet](c *camera) []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []T
	for _, p := range c.rtcp {
		if v, ok := p.(T); ok {
			out = append(out, v)
		}
	}
	return out
}
