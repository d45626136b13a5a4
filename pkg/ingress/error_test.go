package ingress

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

// wantError checks what an error tells: to programs, to a person, in general.
func wantError(t *testing.T, err error, reason Reason, slow bool, text, hint string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is no *Error", err, err)
	}
	if e.Reason != reason || e.Slow() != slow {
		t.Errorf("reason %q, slow %v, want %q, %v: %v", e.Reason, e.Slow(), reason, slow, err)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("error %q, want %q in it", err, text)
	}
	if !strings.Contains(e.Hint(), hint) || (hint == "") != (e.Hint() == "") {
		t.Errorf("hint %q, want %q in it", e.Hint(), hint)
	}
	if e.RetryAfter() != 0 {
		t.Errorf("RetryAfter %v", e.RetryAfter())
	}
	if strings.ContainsAny(err.Error()+e.Hint(), "\n\r\x00") {
		t.Errorf("more than one line: %q %q", err, e.Hint())
	}
	noSecret(t, allForms(err)+e.Hint())
}

func TestAnswers(t *testing.T) {
	token := "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBUEkifQ.c2lnbmF0dXJlMTIzNDU"
	for name, tc := range map[string]struct {
		set    func(*ingresstest.Server)
		cfg    func(*Config)
		reason Reason
		slow   bool
		text   string
		hint   string
	}{
		"unknown key": {
			cfg:    func(c *Config) { c.APIKey = "APIother" },
			reason: Unauthorized, slow: true, text: "401: LiveKit does not know the API key", hint: "check livekit's API key",
		},
		"wrong secret": {
			cfg:    func(c *Config) { c.APISecret = "another secret of sufficient length" },
			reason: Unauthorized, slow: true, text: "401: the API secret does not belong to the API key", hint: "API secret",
		},
		"no grant": {
			set:    func(s *ingresstest.Server) { s.NoGrants = true },
			reason: Unauthorized, slow: true, text: "lacks a grant: permissions denied", hint: "ingressAdmin",
		},
		"no redis": {
			set:    func(s *ingresstest.Server) { s.NoRedis = true },
			reason: NoRedis, slow: true, text: "500: ingress not connected (redis required)", hint: "livekit.via to server",
		},
		"refused with our token in the answer": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 401, Body: "invalid token: " + token + ", error: token is expired (exp)"})
			},
			reason: Unauthorized, slow: true, text: "outside of its time", hint: "clocks",
		},
		"clock": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 401, Body: "validation failed, token not valid yet (nbf)"})
			},
			reason: Unauthorized, slow: true, text: "outside of its time", hint: "timedatectl",
		},
		"login page": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 403, Body: "<html>Please log in</html>"})
			},
			reason: Unauthorized, slow: true, text: "403: refused by something that is not LiveKit", hint: "proxy",
		},
		"html": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 200, Body: "<!DOCTYPE html><html></html>"})
			},
			reason: NotLiveKit, slow: true, text: "not in LiveKit's format", hint: "not livekit-server",
		},
		"html 404": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 404, Body: "<html>nginx</html>"})
			},
			reason: NotLiveKit, slow: true, text: "404: not found, and not from LiveKit's API", hint: "check livekit.url",
		},
		"redirect": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 301, Header: http.Header{"Location": {"https://lk.example.com/twirp?t=" + token}}})
			},
			reason: NotLiveKit, slow: true, text: "301: redirected to https://lk.example.com", hint: "livekit.url",
		},
		"method unknown": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 404, Body: `{"code":"bad_route","msg":"no handler for path"}`})
			},
			reason: NotLiveKit, slow: true, text: "does not know this request", hint: "too old",
		},
		"bad gateway": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 502, Body: "<html>502</html>"})
			},
			reason: Server, text: "502: Bad Gateway", hint: "proxy",
		},
		"crash": {
			set:    func(s *ingresstest.Server) { s.Fault = always(ingresstest.Fault{Status: 500, Body: "panic " + token}) },
			reason: Server, text: "500: Internal Server Error", hint: "its log",
		},
		"twirp 500 with our token in it": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 500, Body: `{"code":"internal","msg":"line 1\nsecret ` + ingresstest.Secret + ` token ` + token + `"}`})
			},
			reason: Server, text: "500: line 1 secret [redacted] token [redacted]", hint: "its log",
		},
		"refused value": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 400, Body: `{"code":"invalid_argument","msg":"metadata size exceeds limits"}`})
			},
			reason: Invalid, slow: true, text: "400: metadata size exceeds limits", hint: "refused a value",
		},
		"rate limit": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 429, Body: `{"code":"resource_exhausted","msg":"ingress limit"}`})
			},
			reason: Busy, text: "429: ingress limit", hint: "limits",
		},
		"rate limit of a proxy": {
			set:    func(s *ingresstest.Server) { s.Fault = always(ingresstest.Fault{Status: 429, Body: "slow"}) },
			reason: Busy, text: "429: Too Many Requests",
		},
		"long": {
			set: func(s *ingresstest.Server) {
				s.Fault = always(ingresstest.Fault{Status: 500, Body: `{"code":"internal","msg":"` + strings.Repeat("ä", 1000) + `"}`})
			},
			reason: Server, text: "500: " + strings.Repeat("ä", 160) + "...", hint: "its log",
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := []func(*Config){}
			if tc.cfg != nil {
				opts = append(opts, tc.cfg)
			}
			s, c, log := fake(t, opts...)
			if tc.set != nil {
				tc.set(s)
			}
			_, err := c.Ensure(t.Context(), gate)
			wantError(t, err, tc.reason, tc.slow, tc.text, tc.hint)
			noSecret(t, log.String())
			if s.Calls("CreateIngress") != 0 {
				t.Error("went on to make an ingress")
			}
		})
	}
}

func TestEmptyAnswers(t *testing.T) {
	s, c, _ := fake(t)
	s.Fault = always(ingresstest.Fault{Status: 200}) // protobuf for "no ingresses", and for "made nothing"
	_, err := c.Ensure(t.Context(), gate)
	wantError(t, err, NotLiveKit, true, "without an ingress", "not livekit-server")
}

func TestEndlessPages(t *testing.T) {
	s, c, _ := fake(t)
	s.Fault = func(_ string, n int) ingresstest.Fault {
		// A page token, field 2, that is another one each time.
		return ingresstest.Fault{Status: 200, Body: "\x12\x03\x0a\x01" + string(rune('a'+n%2))}
	}
	_, err := c.List(t.Context(), "")
	wantError(t, err, Server, false, "more than 1000 pages", "")
}
