package admin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

var theToken = secret.New("correct horse battery")

func withToken(t *testing.T) *Server {
	t.Helper()
	nothing := func(string) error { return nil }
	s, err := New(Config{
		Cameras: twoCameras, Restart: nothing, KeyFrame: nothing, Previews: &fakePreviews{},
		Token: theToken, Started: time.Now(), Profiles: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s *Server, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.RemoteAddr = "127.0.0.1:5"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// Every route asks for the token but those that are meant not to.
func TestToken(t *testing.T) {
	s := withToken(t)
	s.limits.guesses.burst = 1000
	open := map[string]bool{"GET /style.css": true, "GET /page.js": true, "GET /preview.js": true, "GET /login": true, "POST /login": true, "POST /logout": true, "GET /healthz": true, "GET /readyz": true}
	for _, r := range s.routes {
		if open[r.pattern] != r.open {
			t.Errorf("%s: open is %v", r.pattern, r.open)
		}
		method, path, ok := strings.Cut(r.pattern, " ")
		if !ok {
			method, path = "GET", r.pattern
		}
		if r.open || path == "/api/events" {
			continue
		}
		path = strings.NewReplacer("{name}", "heap", "{$}", "").Replace(path) + "?seconds=0.01"
		for _, wrong := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"Authorization", "Basic correct horse battery"}, {"Cookie", "rtsp2whip=" + s.cookieFor(time.Now().Add(-time.Second))},
			{"Cookie", "rtsp2whip=9999999999." + strings.Split(s.cookieFor(time.Now()), ".")[1]}} {
			w := ask(s, method, path, "", wrong...)
			want := 401
			if path == "/?seconds=0.01" {
				want = 303
			}
			if w.Code != want || strings.Contains(w.Body.String(), "gate") {
				t.Errorf("%s with %v: %d", r.pattern, wrong, w.Code)
			}
		}
		s.limits.requests = buckets{rate: requestRate, burst: requestBurst}
		if w := ask(s, method, path, "", "Authorization", "bearer correct horse battery"); w.Code == 401 || w.Code == 303 {
			t.Errorf("%s with the token: %d", r.pattern, w.Code)
		}
	}
	if w := ask(s, "GET", "/readyz?cameras=all", ""); w.Code != 503 || strings.Contains(w.Body.String(), "yard") {
		t.Errorf("readiness tells names: %d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/readyz?cameras=all", "", "Authorization", "Bearer correct horse battery"); !strings.Contains(w.Body.String(), "yard") {
		t.Errorf("readiness tells no names: %s", w.Body)
	}
}

func TestLogin(t *testing.T) {
	s := withToken(t)
	form := func(token string) *httptest.ResponseRecorder {
		return ask(s, "POST", "/login", url.Values{"token": {token}}.Encode(), "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-Proto", "https")
	}
	if w := form("wrong"); w.Code != 401 || w.Header().Get("Set-Cookie") != "" || !strings.Contains(w.Body.String(), "not the token") {
		t.Errorf("a wrong one: %d %v", w.Code, w.Header())
	}
	w := form(theToken.Reveal() + "\n")
	cookies := w.Result().Cookies()
	if w.Code != 303 || len(cookies) != 1 {
		t.Fatalf("the right one: %d %v", w.Code, w.Header())
	}
	c := cookies[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, "horse") {
		t.Errorf("cookie %v", c)
	}
	if w := ask(s, "GET", "/", "", "Cookie", c.Name+"="+c.Value); w.Code != 200 || !strings.Contains(w.Body.String(), "gate") {
		t.Errorf("with the cookie: %d", w.Code)
	}
	s.cfg.Token = secret.New("another horse battery")
	if w := ask(s, "GET", "/api/cameras", "", "Cookie", c.Name+"="+c.Value); w.Code != 401 {
		t.Errorf("with the cookie of another token: %d", w.Code)
	}
	if w := ask(s, "POST", "/logout", ""); w.Code != 303 || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("logout: %d %v", w.Code, w.Header())
	}
	s.cfg.Token = secret.Secret{}
	if w := form(""); w.Code != 401 {
		t.Errorf("login where there is no token: %d", w.Code)
	}
}

func TestGuessingIsSlow(t *testing.T) {
	s := withToken(t)
	for i := range guessBurst {
		if w := ask(s, "GET", "/api/cameras", "", "Authorization", fmt.Sprintf("Bearer %d", i)); w.Code != 401 {
			t.Fatalf("guess %d: %d", i, w.Code)
		}
	}
	for _, try := range [][2]string{{"GET", "/api/cameras"}, {"POST", "/login"}} {
		w := ask(s, try[0], try[1], "", "Authorization", "Bearer correct horse battery")
		if w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%v after too many guesses: %d", try, w.Code)
		}
	}
	if w := ask(s, "GET", "/api/cameras", "", "Cookie", "rtsp2whip="+s.cookieFor(time.Now().Add(time.Hour))); w.Code != 200 {
		t.Errorf("who is logged in is locked out: %d", w.Code)
	}
}

func TestBucketsAreBounded(t *testing.T) {
	b := buckets{rate: 0.001, burst: 1}
	for i := range 3 * maxKeys {
		b.of(fmt.Sprint(i)).Allow()
	}
	if len(b.byKey) > maxKeys {
		t.Errorf("%d keys", len(b.byKey))
	}
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		name, method string
		headers      []string
		want         int
	}{
		{"a program", "POST", nil, 202},
		{"the page itself", "POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, 202},
		{"an old browser's page", "POST", []string{"Origin", "http://example.com"}, 202},
		{"another page", "POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"another page, old browser", "POST", []string{"Origin", "https://evil.example"}, 403},
		{"another port of this machine", "POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://example.com:81"}, 403},
		{"a form of another page", "POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Origin", "null"}, 403},
		{"another page reads", "GET", []string{"Origin", "https://evil.example"}, 403},
		{"another page embeds", "GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"a link", "GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"no origin at all", "GET", []string{"Origin", "null"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/api/cameras"
			if c.method == "POST" {
				path = "/api/cameras/gate/restart"
			}
			a := newAPI(t)
			if w := ask(a.Server, c.method, path, "", c.headers...); w.Code != c.want || (c.want != 202 && len(a.done) > 0) {
				t.Errorf("%d, want %d; done: %v", w.Code, c.want, a.done)
			}
		})
	}
}
