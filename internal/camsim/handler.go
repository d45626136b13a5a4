package camsim

import (
	"strings"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
)

// handler answers a camera's requests. It is a type of its own to keep the
// callbacks out of Camera's methods.
type handler struct{ *run }

func answer(code base.StatusCode) *base.Response { return &base.Response{StatusCode: code} }

// admit checks path and password.
func (h handler) admit(conn *gortsplib.ServerConn, req *base.Request, path string) (*base.Response, error) {
	<-h.ready
	cfg := h.camera.cfg
	if cfg.Username != "" || cfg.Faults.WrongPassword {
		user, password := cfg.Username, cfg.Password
		if cfg.Faults.WrongPassword {
			user, password = "nobody", "unknowable"
		}
		if !conn.VerifyCredentials(req, user, password) {
			return answer(base.StatusUnauthorized), liberrors.ErrServerAuth{}
		}
	}
	if strings.Trim(path, "/") != strings.Trim(cfg.Path, "/") {
		return answer(base.StatusNotFound), nil
	}
	return answer(base.StatusOK), nil
}

func (h handler) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[ctx.Conn] = true
}

func (h handler) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, ctx.Conn)
}

func (h handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	res, err := h.admit(ctx.Conn, ctx.Request, ctx.Path)
	if res.StatusCode != base.StatusOK {
		return res, nil, err
	}
	return res, h.stream, nil
}

func (h handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	res, err := h.admit(ctx.Conn, ctx.Request, ctx.Path)
	switch cfg := h.camera.cfg; {
	case res.StatusCode != base.StatusOK:
		return res, nil, err
	case cfg.Transport == UDPOnly && ctx.Transport.Protocol == gortsplib.ProtocolTCP:
		return answer(base.StatusUnsupportedTransport), nil, nil
	case cfg.Faults.OneSession && h.readers.Load() > 0:
		return answer(base.StatusNotEnoughBandwidth), nil, nil
	}
	return res, h.stream, nil
}

func (h handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	ctx.Session.OnPacketRTCPAny(func(_ *description.Media, pkt rtcp.Packet) { h.onRTCP(pkt) })
	if h.camera.cfg.Faults.KicksFirst {
		h.kick()
	}
	h.joined(ctx.Session)
	if h.camera.cfg.Faults.IDRForEach {
		h.player.KeyFrame()
	}
	return answer(base.StatusOK), nil
}

func (h handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) { h.left(ctx.Session) }

// OnGetParameter answers keep-alives.
func (h handler) OnGetParameter(*gortsplib.ServerHandlerOnGetParameterCtx) (*base.Response, error) {
	return answer(base.StatusOK), nil
}

// onRTCP counts requests for a key frame, and honours them if the camera does.
func (h handler) onRTCP(pkt rtcp.Packet) {
	switch pkt.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		h.asks.Add(1)
		if h.camera.cfg.Faults.HonourPLI {
			h.player.KeyFrame()
		}
	}
}

// OnResponse is where faults in headers and in the SDP are put in.
func (h handler) OnResponse(_ *gortsplib.ServerConn, res *base.Response) {
	for _, spoil := range h.camera.cfg.Faults.spoilers() {
		spoil(res)
	}
}

// The library would print what it has no handler for.

func (h handler) OnDecodeError(*gortsplib.ServerHandlerOnDecodeErrorCtx) {}

// OnStreamWriteError is called when a reader is too slow: its packets are lost.
func (h handler) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {
	h.lost.Add(1)
}
