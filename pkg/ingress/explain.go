package ingress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/livekit/protocol/utils/xtwirp"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
)

// explain turns what the SDK returned into an *Error with a hint.
func (c *Client) explain(ctx context.Context, op string, err error) *Error {
	e := &Error{Op: op, URL: c.url}
	var sent *url.Error
	var answer twirp.Error
	switch {
	case errors.Is(err, context.Canceled):
		e.Reason, e.detail, e.err = Canceled, "canceled", context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		c.explainTimeout(e, context.DeadlineExceeded)
	case errors.As(err, &sent):
		c.explainTransport(e, sent.Err)
	case errors.Is(err, proto.Error):
		return c.notLiveKit(op, "the answer is not in LiveKit's format")
	case errors.As(err, &answer) && errors.Unwrap(answer) != nil && answer.Code() == twirp.Internal:
		// The SDK wraps what happened to the connection in mid-answer.
		c.explainTransport(e, errors.Unwrap(answer))
	default:
		c.explainAnswer(ctx, e, xtwirp.ToError(err))
	}
	return e
}

func (c *Client) explainTimeout(e *Error, cause error) {
	e.Reason, e.err = Timeout, cause
	e.detail = "no answer in time"
	e.hint = "check that this machine reaches the LiveKit server (firewall, routing) and that the server is not overloaded"
}

// explainTransport tells apart what kept a request from being answered.
func (c *Client) explainTransport(e *Error, err error) {
	e.Reason, e.err = Unreachable, err
	var (
		netErr  net.Error
		dns     *net.DNSError
		record  tls.RecordHeaderError
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Reason, e.detail = TLS, "the server speaks no TLS here"
		e.hint = "the port serves plain HTTP: write ws:// instead of wss://, or give the port of the TLS proxy"
	case strings.Contains(err.Error(), "malformed HTTP"):
		e.Reason, e.detail = NotLiveKit, "what listens there speaks no HTTP"
		e.hint = "if it serves TLS write wss:// instead of ws://, else check the port: LiveKit's own is 7880"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Reason, e.detail = TLS, "the certificate is expired or not valid yet"
		e.hint = "renew the server's certificate"
		if invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore) {
			e.hint = "this machine's clock is behind: it shows " + clock(time.Now()) + ", set it (timedatectl)"
		}
	case errors.As(err, &name):
		e.Reason, e.detail = TLS, "the certificate is for another host name"
		e.hint = "use the host name that the certificate is for in livekit.url"
	case errors.As(err, &unknown) || errors.As(err, &verify):
		e.Reason, e.detail = TLS, "the certificate is not trusted by this machine"
		e.hint = "install the certificate authority on this machine (or point SSL_CERT_FILE at it), or use a publicly trusted certificate"
	case errors.As(err, &dns):
		e.detail = "host name lookup failed"
		if dns.IsNotFound {
			e.detail = "host name not found"
		}
		e.hint = "check the host name in livekit.url and this machine's DNS"
	case errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "actively refused"): // the latter on Windows
		e.detail = "connection refused"
		e.hint = "nothing listens on this port: check that livekit-server runs, and the port in livekit.url (its own is 7880)"
	case errors.As(err, &netErr) && netErr.Timeout():
		c.explainTimeout(e, err)
	case errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH):
		e.detail = "no route to the server"
		e.hint = "check this machine's network: address, gateway, VPN"
	default:
		e.detail = "connection broken: " + c.tidy(err.Error())
		e.hint = "if this stays, something between this machine and LiveKit cuts connections: check proxies and firewalls"
	}
}

// explainAnswer tells apart the answers that are errors.
func (c *Client) explainAnswer(ctx context.Context, e *Error, answer twirp.Error) {
	e.Status = twirp.ServerHTTPStatusFromErrorCode(answer.Code())
	body := answer.Msg()
	foreign := answer.Meta("http_error_from_intermediary") != ""
	if foreign {
		if n, err := strconv.Atoi(answer.Meta("status_code")); err == nil {
			e.Status = n
		}
		body = answer.Meta("body")
	}
	switch {
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		c.explainAuth(ctx, e, body)
	case foreign:
		c.explainForeign(e, answer.Meta("location"), body)
	case strings.Contains(body, "redis required"):
		e.Reason, e.detail = NoRedis, c.tidy(body)
		e.hint = "livekit-server runs without Redis, which ingresses need: configure redis at livekit-server and Ingress, or set livekit.via to server"
	case answer.Code() == twirp.NotFound:
		e.Reason, e.detail = NotFound, c.tidy(body)
	case answer.Code() == twirp.BadRoute:
		*e = *c.notLiveKit(e.Op, "the server does not know this request")
		e.hint = "the LiveKit server is too old, or livekit.url has a path too much"
	case answer.Code() == twirp.ResourceExhausted:
		e.Reason, e.detail = Busy, c.tidy(body)
		e.hint = "LiveKit refuses more for now: check the limits of the server or of the LiveKit Cloud project"
	case e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout:
		e.Reason, e.detail = Invalid, c.tidy(body)
		e.hint = "LiveKit refused a value: check room, identity, display name and metadata of the camera"
	default:
		e.Reason, e.detail = Server, c.tidy(body)
		e.hint = "LiveKit failed: its log says why"
	}
}

// explainAuth reads why LiveKit refused our token. Every token we send is freshly
// signed with the grant it needs, so it is the key, the secret or a clock.
func (c *Client) explainAuth(ctx context.Context, e *Error, body string) {
	e.Reason, e.detail = Unauthorized, "LiveKit refuses the API key or secret"
	e.hint = "check livekit's API key and secret against `keys` in livekit-server's config or the LiveKit Cloud project's settings"
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(body, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("<html", "<HTML", "<!"):
		e.detail = "refused by something that is not LiveKit"
		e.hint = "a proxy before LiveKit wants a login of its own: let /twirp/ and /whip/ pass through it"
	case has("invalid API key"):
		e.detail = "LiveKit does not know the API key"
		e.hint = "check livekit's API key against `keys` in livekit-server's config or the LiveKit Cloud project's settings"
	case has("permissions denied", "permission denied"):
		e.detail = "the API key lacks a grant: " + c.tidy(body)
		e.hint = "use a key that may manage ingresses (ingressAdmin) and rooms (roomAdmin), or set livekit.via to server, which needs neither"
	case has("expired", "not valid yet", "not yet valid", "before issued", "in the future"):
		e.detail = "LiveKit finds the token outside of its time"
		e.hint = "the clocks of this machine and of LiveKit differ: set both (timedatectl); here it is " + clock(time.Now())
	case has("signature", "cryptographic primitive"):
		e.detail = "the API secret does not belong to the API key"
		e.hint = "check livekit's API secret: it is another key's, cut short, or has a line break or quotes around it"
	}
	// A box without a clock battery boots in the past. A server that refuses
	// without saying why is asked for its time.
	if off := c.clockOffset(ctx); off.Abs() > time.Minute {
		e.detail = "LiveKit refuses the token, and the clocks differ"
		where := "behind"
		if off < 0 {
			where = "ahead of"
		}
		e.hint = fmt.Sprintf("set this machine's clock (timedatectl): it shows %s and is %s %s the LiveKit server's", clock(time.Now()), off.Abs().Round(time.Second), where)
	}
}

// explainForeign is for answers that LiveKit has not made.
func (c *Client) explainForeign(e *Error, location, body string) {
	switch {
	case e.Status == http.StatusBadRequest && strings.Contains(body, "HTTPS"): // nginx, Caddy and Go say so
		e.Reason, e.detail = TLS, "the server wants TLS here"
		e.hint = "write wss:// instead of ws:// in livekit.url"
	case e.Status >= 300 && e.Status < 400:
		status := e.Status
		*e = *c.notLiveKit(e.Op, "redirected")
		e.Status = status
		if u, err := url.Parse(location); err == nil && u.Host != "" {
			e.detail = "redirected to " + c.tidy(u.Scheme+"://"+u.Host)
			e.hint = "put the address behind the redirect into livekit.url"
		}
	case e.Status == http.StatusTooManyRequests:
		e.Reason, e.detail = Busy, http.StatusText(e.Status)
	case e.Status >= 500:
		e.Reason, e.detail = Server, http.StatusText(e.Status)
		e.hint = "the proxy before LiveKit answers, LiveKit does not: check that livekit-server runs and the proxy points at it"
		if e.Status == http.StatusInternalServerError {
			e.hint = "LiveKit failed: its log says why"
		}
	default:
		status := e.Status
		*e = *c.notLiveKit(e.Op, strings.ToLower(http.StatusText(status))+", and not from LiveKit's API")
		e.Status = status
	}
}

func (c *Client) notLiveKit(op, detail string) *Error {
	return &Error{
		Op: op, URL: c.url, Reason: NotLiveKit, detail: detail,
		hint: "check livekit.url: what answers there is not livekit-server, or a proxy does not pass /twirp/ on to it",
	}
}

// clockOffset is the server's clock minus ours, by the Date of its answer; 0 if
// it cannot be told.
func (c *Client) clockOffset(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, min(c.timeout, 3*time.Second))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.url+"/", nil)
	if err != nil {
		return 0
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if c.http != nil {
		client.Transport = c.http.Transport
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return time.Until(date)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
