package ingress

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tokenServer is an operator's; answer may be changed while it runs.
type tokenServer struct {
	*httptest.Server
	asked  atomic.Int64
	mu     sync.Mutex
	answer http.HandlerFunc
}

func startTokenServer(t *testing.T, answer http.HandlerFunc) *tokenServer {
	t.Helper()
	s := &tokenServer{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) set(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func says(status int, format string, args ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, format, args...)
	}
}

// tokensFrom asks s, at a path that holds a secret.
func tokensFrom(t *testing.T, s *tokenServer, change ...func(*TokenURLConfig)) *TokenURL {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	cfg := TokenURLConfig{URL: s.URL + "/eyJsecret?key=streamkey", HTTPClient: client, UserAgent: "rtsp2whip/test", Timeout: 20 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	tokens, err := NewTokenURL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokenURLAnswers(t *testing.T) {
	token := forge(t, publishes(time.Hour))
	for name, tc := range map[string]struct {
		answer string
		server string
	}{
		"text":           {token + "\n", ""},
		"json text":      {`"` + token + `"`, ""},
		"json":           {`{"token": "` + token + `", "more": [1]}`, ""},
		"json with url":  {`{"token": "` + token + `", "url": "wss://lk.example.com/"}`, "wss://lk.example.com"},
		"livekit's name": {`{"participant_token": "` + token + `", "server_url": "https://lk.example.com"}`, "https://lk.example.com"},
		"on this box":    {`{"token": "` + token + `", "url": "ws://127.0.0.1:7880"}`, "ws://127.0.0.1:7880"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startTokenServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer hunter2" || r.UserAgent() != "rtsp2whip/test" {
					t.Errorf("%s with %v", r.Method, r.Header)
				}
				_, _ = io.WriteString(w, tc.answer)
			})
			tokens := tokensFrom(t, s, func(c *TokenURLConfig) { c.Bearer = func() (string, error) { return "hunter2", nil } })
			for range 3 {
				got, err := tokens.Token(t.Context())
				if err != nil || got.Reveal() != token || got.ServerURL != tc.server {
					t.Fatalf("%v: %q", err, got.ServerURL)
				}
			}
			if n := s.asked.Load(); n != 1 {
				t.Errorf("asked %d times for a token that is good for an hour", n)
			}
		})
	}
}

func TestTokenURLRefusals(t *testing.T) {
	token := forge(t, publishes(time.Hour))
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		change func(*TokenURLConfig)
		reason Reason
		slow   bool
		text   string
		hint   string
	}{
		"401":         {answer: says(401, "no"), reason: Unauthorized, slow: true, text: "401: unauthorized", hint: "bearer_file"},
		"404":         {answer: says(404, "no"), reason: Invalid, slow: true, text: "404: not found", hint: "nothing there"},
		"405":         {answer: says(405, "no"), reason: Invalid, slow: true, text: "405", hint: "answer a GET"},
		"500":         {answer: says(500, "%s", token), reason: Server, text: "500: internal server error", hint: "its log"},
		"429":         {answer: says(429, ""), reason: Busy, text: "429", hint: ""},
		"204":         {answer: says(204, ""), reason: Invalid, slow: true, text: "204", hint: "answer a GET"},
		"empty":       {answer: says(200, " \n"), reason: Invalid, slow: true, text: "no token", hint: "answer a GET"},
		"html":        {answer: says(200, "<html>login</html>"), reason: Invalid, slow: true, text: "is no room token", hint: "check what the server"},
		"broken json": {answer: says(200, `{"token": "`), reason: Invalid, slow: true, text: "no token", hint: "answer a GET"},
		"no token":    {answer: says(200, `{"error": "x"}`), reason: Invalid, slow: true, text: "no token", hint: "answer a GET"},
		"expired":     {answer: says(200, "%s", forge(t, publishes(-time.Hour))), reason: Invalid, slow: true, text: "expired", hint: "clock"},
		"far too long": {
			answer: says(200, "%s", strings.Repeat("a", maxToken+1)), reason: Invalid, slow: true, text: "too long", hint: "answer a GET",
		},
		"plain server": {
			answer: says(200, `{"token": %q, "url": "ws://lk.example.com"}`, token), reason: Invalid, slow: true, text: "neither wss://", hint: "answer a GET",
		},
		"no server": {
			answer: says(200, `{"token": %q, "url": "lk.example.com"}`, token), reason: Invalid, slow: true, text: "not that of a LiveKit server", hint: "answer a GET",
		},
		"redirect into the open": {
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://tokens.example.com/", http.StatusFound)
			}, reason: Invalid, slow: true, text: "302: found", hint: "https://",
		},
		"redirects without end": {
			answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) },
			reason: Invalid, slow: true, text: "302: found", hint: "redirect",
		},
		"cut": {
			answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			reason: Unreachable, text: "connection broken", hint: "reaches the token server",
		},
		"slow": {
			answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			change: func(c *TokenURLConfig) { c.Timeout = 50 * time.Millisecond },
			reason: Timeout, text: "no answer in time", hint: "reaches the token server",
		},
		"no bearer": {
			answer: says(200, "%s", token),
			change: func(c *TokenURLConfig) { c.Bearer = func() (string, error) { return "", errors.New("gone") } },
			reason: Invalid, slow: true, text: "bearer token cannot be read", hint: "bearer_file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startTokenServer(t, tc.answer)
			var change []func(*TokenURLConfig)
			if tc.change != nil {
				change = append(change, tc.change)
			}
			_, err := tokensFrom(t, s, change...).Token(t.Context())
			wantError(t, err, tc.reason, tc.slow, tc.text, tc.hint)
			noSecret(t, err.Error())
			var e *Error
			if errors.As(err, &e) {
				noSecret(t, e.Hint())
			}
		})
	}
}

func TestTokenURLIsChecked(t *testing.T) {
	for url, want := range map[string]string{
		"":                                "not an https:// URL",
		"tokens.example.com":              "not an https:// URL",
		"ftp://tokens.example.com/":       "not an https:// URL",
		"http://tokens.example.com/":      "would show the token",
		"https://a:b@tokens.example.com/": "user name",
	} {
		if _, err := NewTokenURL(TokenURLConfig{URL: url}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{"https://tokens.example.com/x", "http://localhost:1/", "http://[::1]/"} {
		if _, err := NewTokenURL(TokenURLConfig{URL: url}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestTokenURLKeeps walks through a token's life with a clock of its own.
func TestTokenURLKeeps(t *testing.T) {
	start := time.Now()
	now := start
	s := startTokenServer(t, says(200, "%s", forge(t, publishes(10*time.Minute))))
	tokens := tokensFrom(t, s)
	tokens.now = func() time.Time { return now }
	ask := func(wantAsked int64, wantErr string) {
		t.Helper()
		_, err := tokens.Token(t.Context())
		if n := s.asked.Load(); n != wantAsked {
			t.Errorf("after %s: asked %d times, want %d", now.Sub(start), n, wantAsked)
		}
		if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("after %s: %v, want %q", now.Sub(start), err, wantErr)
		}
	}
	ask(1, "")
	now = start.Add(8 * time.Minute)
	ask(1, "")
	s.set(says(503, ""))
	now = start.Add(9*time.Minute + 30*time.Second) // time for another, and there is none: the old one lives
	ask(2, "")
	now = start.Add(11 * time.Minute)
	ask(3, "503")
	s.set(says(200, "%s", forge(t, publishes(time.Hour))))
	ask(4, "")
	ask(4, "")
	tokens.Forget() // LiveKit has refused it
	ask(5, "")
	s.set(says(200, "%s", forge(t, with("exp", nil))))
	tokens.Forget()
	ask(6, "")
	now = now.Add(59 * time.Minute)
	ask(6, "")
	now = now.Add(2 * time.Minute)
	ask(7, "")
}

func TestTokenURLHonoursRetryAfter(t *testing.T) {
	s := startTokenServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := tokensFrom(t, s).Token(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.RetryAfter() != 17*time.Second {
		t.Errorf("%v", err)
	}
}

// TestTokenURLAsksOnce has twenty requests of a session ask at the same time.
func TestTokenURLAsksOnce(t *testing.T) {
	release := make(chan struct{})
	token := forge(t, publishes(time.Hour))
	s := startTokenServer(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, token)
	})
	tokens := tokensFrom(t, s)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := tokens.Token(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tokens.Token(ctx)
	close(release)
	wg.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if err != nil { // unless it was answered before it looked
		wantError(t, err, Canceled, false, "canceled", "")
	}
}

func TestTokenURLUntrusted(t *testing.T) {
	srv := httptest.NewUnstartedServer(says(200, ""))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	tokens, err := NewTokenURL(TokenURLConfig{URL: srv.URL, HTTPClient: &http.Client{Transport: &http.Transport{}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context())
	wantError(t, err, TLS, true, "not trusted", "certificate authority")
}

func FuzzTokenAnswer(f *testing.F) {
	token := forge(f, publishes(time.Hour))
	for _, seed := range []string{
		token, `"` + token + `"`, `{"token":"` + token + `","url":"wss://h"}`, `{"participant_token":1}`, "{", `"`, "", "a.b.c",
		"a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1e999,"video":[]}`)) + ".c",
	} {
		f.Add([]byte(seed))
	}
	t, err := NewTokenURL(TokenURLConfig{URL: "https://tokens.example.com/"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(tt *testing.T, body []byte) {
		issued, err := t.read(body)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\r\n") {
				tt.Errorf("%q: %v", body, err)
			}
			return
		}
		if issued.Identity == "" || issued.Room == "" || strings.ContainsFunc(issued.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			tt.Errorf("%q became %q in %q", body, issued.Identity, issued.Room)
		}
		if u := issued.ServerURL; u != "" && !strings.HasPrefix(u, "wss://") && !strings.HasPrefix(u, "https://") && !strings.Contains(u, "localhost") && !strings.Contains(u, "127.") && !strings.Contains(u, "[") {
			tt.Errorf("a token would travel to %q", u)
		}
	})
}
