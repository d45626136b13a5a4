package rtspsrc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

// fail makes an *Error of whatever went wrong on a link. Op is the step that was
// being done, unless err knows better.
func (l *link) fail(op string, err error) *Error {
	var done *Error
	if errors.As(err, &done) {
		return done
	}
	e := &Error{Op: op, URL: l.src.name, Err: err}
	var step *stepError
	if errors.As(err, &step) {
		e.Op, e.Err = step.op, step.err
	}
	var bad liberrors.ErrClientBadStatusCode
	if errors.As(err, new(liberrors.ErrClientAuthSetup)) { // no method that we know
		bad.Code = base.StatusUnauthorized
		err = bad
	}
	if errors.As(err, &bad) {
		d := l.soFar()
		e.Status = int(bad.Code)
		e.Err = statusError{code: int(bad.Code), text: bad.Message}
		e.retryAfter = d.retryAfter
		l.explainStatus(e, d)
		return e
	}
	if errors.As(err, new(liberrors.ErrClientTransportHeaderInvalidDelivery)) && l.multicast() {
		e.Err, e.slow = l.joinFailure(err), true
		e.hint = "no multicast from this camera: switch multicast on in the camera, or set the transport to auto"
		return e
	}
	if end, ok := l.summoned(err); ok {
		e.Err = end
		return e
	}
	if op == "describe" && (l.notRTSP(e, err) || l.explainTunnel(e)) {
		return e
	}
	l.explainCause(e)
	return e
}

// notRTSP recognises a port that speaks something else.
func (l *link) notRTSP(e *Error, err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	w := l.wire.Load()
	if w == nil || w.frames.begun.Load() || l.src.tunnel != gortsplib.TunnelNone {
		return false
	}
	head := w.firstBytes()
	if len(head) == 0 {
		return false
	}
	e.Err = ErrNotRTSP
	switch {
	case bytes.HasPrefix(head, []byte("HTTP/")):
		e.Err = fmt.Errorf("%w but HTTP", ErrNotRTSP)
		e.hint = "this is the camera's web port: use its RTSP port, which is 554 on most cameras"
	case head[0] == 0x15 || head[0] == 0x16: // a TLS record
		e.Err = fmt.Errorf("%w but TLS", ErrNotRTSP)
		e.hint = "this port speaks TLS: write rtsps:// instead of rtsp://"
	default:
		e.hint = fmt.Sprintf("port %s of %s is not an RTSP port: look up the camera's, most use 554", l.port(), l.host())
	}
	e.slow = true
	return true
}

// explainStatus adds what a camera's refusal means.
func (l *link) explainStatus(e *Error, d said) {
	switch e.Status {
	case 401:
		switch {
		case d.accepted: // they were right a moment ago: the nonce has expired
		case l.url.User == nil:
			e.hint, e.slow = "the camera wants a user name and a password: configure them", true
		case l.foreign && !d.authSent:
			e.hint, e.slow = "the camera redirects to a host that wants the password in the clear: configure that host's URL itself", true
		default:
			e.hint, e.slow = "the camera refuses this user name or password: correct them soon, cameras lock accounts after a few wrong tries", true
			e.retryAfter = max(e.retryAfter, l.src.refused(l))
		}
	case 403:
		e.hint, e.slow = "this user may not watch this stream: give it the right to in the camera's user settings", true
	case 404, 410:
		e.hint, e.slow = "the camera has no stream at this path: look up its RTSP URL in the manual or through ONVIF", true
	case 453, 503:
		e.hint = "the camera has no session left: close other viewers of it, or pull the stream from the recorder"
		if e.retryAfter == 0 {
			e.retryAfter = busyPause
		}
	case 454:
		e.hint = "the camera has forgotten the session: it may have restarted"
	case 461:
		e.hint, e.slow = fmt.Sprintf("the camera does not send over %s: set the transport to auto", strings.ToUpper(protocolName(l.proto))), true
		if l.src.cfg.Transport == Auto {
			e.hint = "the camera accepts neither TCP nor UDP: look for an RTSP transport setting in the camera"
		}
	case 301, 302, 303, 305:
		e.hint = "give the URL that the camera redirects to"
	case 400, 405, 406, 415, 505, 551:
		e.hint = "the camera does not understand the request: check the URL and update its firmware"
	default:
		if e.Status >= 500 {
			e.hint = "the camera reports an error of its own: restart it if this goes on"
		}
	}
}

// explainDial adds what it means that there is no connection, if it knows.
func (l *link) explainDial(e *Error) bool {
	host := l.host()
	var dns *net.DNSError
	switch err := e.Err; {
	case isRefused(err):
		e.hint = fmt.Sprintf("nothing listens on port %s of %s: check the port and that RTSP is switched on in the camera", l.port(), host)
	case isNoRoute(err):
		e.hint = l.noRoute()
	case errors.Is(err, context.Canceled):
	case errors.As(err, &dns):
		e.hint = fmt.Sprintf("the name %s is not known here: check its spelling or use the camera's IP address", host)
	case isTimeout(err):
		e.hint = fmt.Sprintf("%s does not answer: check its address, its power and cable, and the firewalls on the way", host)
	default:
		return false
	}
	return true
}

func (l *link) noRoute() string {
	return fmt.Sprintf("this box has no way to %s: check its network settings and the camera's address", l.host())
}

// explainCause adds what any other failure means.
func (l *link) explainCause(e *Error) {
	if e.Op == "dial" && l.explainDial(e) {
		return
	}
	var (
		record tls.RecordHeaderError
		codec  *codecError
		sdpErr liberrors.ErrClientSDPInvalid
	)
	switch err := e.Err; {
	case errors.Is(err, context.Canceled):
	case errors.As(err, &codec):
		e.slow = true
		e.hint = codecHint(codec.codec, codec.want)
	case errors.Is(err, ErrNoVideo):
		e.slow = true
		e.hint = "nothing at this URL can be shown: check the path, and the video_track setting if there is one"
	case errors.Is(err, ErrStalled):
		e.hint = "the camera keeps the connection but sends no video: restart it, and check whether it has too many viewers"
	case errors.Is(err, errSilent):
		e.hint = "a firewall may block the camera's UDP packets: open the way or set the transport to tcp"
	case errors.Is(err, ErrCertificate):
		l.explainCertificate(e)
	case errors.As(err, &record):
		e.slow = true
		e.hint = "this port does not speak TLS: write rtsp:// instead of rtsps://"
	case isNoRoute(err):
		e.hint = l.noRoute()
	case isTimeout(err):
		e.hint = "the camera has stopped answering: it may be restarting, overloaded or cut off"
	case errors.As(err, new(liberrors.ErrClientUnexpectedFrame)):
		// live555 attaches an abandoned session to a new connection that happens
		// to get the old one's descriptor.
		e.Err, e.retryAfter = ErrOldMedia, oldMediaPause
		e.hint = "the camera still sends the video of an earlier connection: it stops by itself within a minute or so"
	case errors.As(err, &sdpErr):
		e.slow = true
		e.hint = "the camera's description of the stream is unreadable: update its firmware"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isReset(err):
		e.Err = fmt.Errorf("the camera closed the connection: %w", err)
		e.hint = "the camera closed the connection: it may be restarting, or have more viewers than it can serve"
		if w := l.wire.Load(); w == nil || len(w.firstBytes()) == 0 {
			e.hint = "the camera closes the connection without a word: check the port, whether it wants rtsps://, and whether it has too many viewers"
		}
		if e.Op == "tls" {
			e.hint = "the camera ends the TLS handshake: check that this port is for rtsps://, and update the firmware of an old camera"
		}
	case e.Op == "tls":
		e.hint = "no encrypted connection could be agreed on: check that this port is for rtsps://, and update the camera's firmware"
	}
}

func codecHint(codec, want string) string {
	if want == H265 {
		return "switch this stream to H.265 in the camera's video settings, or leave out the setting that asks for H.265"
	}
	switch codec {
	case "H265":
		return "the camera sends H.265: switch this stream to H.264 in the camera's video settings, or use the URL of its substream"
	case "JPEG":
		return "the camera sends Motion JPEG: switch this stream to H.264 in the camera's video settings, or use the URL of another stream"
	}
	return "switch this stream to H.264 in the camera's video settings, or use the URL of another stream"
}

func (l *link) explainCertificate(e *Error) {
	e.slow = true
	var ce *certError
	errors.As(e.Err, &ce)
	switch {
	case ce.pin:
		e.hint = "if the camera was replaced or reset, set tls.sha256 to " + ce.seen + "; if not, something stands between it and this box"
	case notYetOrNoMore(ce.cause):
		e.hint = "check this box's clock; if it is right, trust the camera by setting tls.sha256 to " + ce.seen
	default:
		e.hint = "if this is your camera, trust its certificate by setting tls.sha256 to " + ce.seen
	}
}

func (l *link) host() string { return printable(l.url.Hostname()) }

func (l *link) port() string {
	_, port, _ := net.SplitHostPort(l.src.hostPort(l.url))
	return port
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &ne) && ne.Timeout() ||
		errors.As(err, new(liberrors.ErrClientRequestTimedOut)) ||
		errors.As(err, new(liberrors.ErrClientTCPTimeout)) ||
		errors.As(err, new(liberrors.ErrClientUDPTimeout))
}
