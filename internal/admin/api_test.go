package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// apiServer is a server over cameras that the test sets, which says what it was told to do.
type apiServer struct {
	*Server
	list []publisher.Status
	done []string
	err  error

	previews fakePreviews
}

func newAPI(t *testing.T) *apiServer {
	t.Helper()
	a := &apiServer{list: twoCameras()}
	a.list[1].Name = "yard 1/é"
	act := func(what string) func(string) error {
		return func(name string) error { a.done = append(a.done, what+" "+name); return a.err }
	}
	s, err := New(Config{
		Cameras: func() []publisher.Status { return a.list }, Restart: act("restart"), KeyFrame: act("keyframe"), Previews: &a.previews, Started: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Server = s
	s.watch.look(a.list, time.Now())
	return a
}

func (a *apiServer) do(method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// openAPIDoc is the part of the document that the tests read.
type openAPIDoc struct {
	OpenAPI string                                `json:"openapi"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
}

type operation struct {
	Responses map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			} `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

func readDoc(t *testing.T) openAPIDoc {
	t.Helper()
	var doc openAPIDoc
	if err := json.Unmarshal(openAPI, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("version %q, %v", doc.OpenAPI, err)
	}
	return doc
}

// Every route of the API is in the document, and the other way round.
func TestEveryRouteIsDocumented(t *testing.T) {
	doc, a := readDoc(t), newAPI(t)
	documented := map[string]bool{}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				documented[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	pages := map[string]bool{"/api/": true, "GET /{$}": true, "GET /login": true, "POST /login": true, "POST /logout": true, "GET /style.css": true, "GET /page.js": true, "GET /preview.js": true}
	for _, r := range a.routes {
		if !documented[r.pattern] && !pages[r.pattern] {
			t.Errorf("%s is not in the document", r.pattern)
		}
		delete(documented, r.pattern)
	}
	for r := range documented {
		t.Errorf("%s is in the document, and does not exist", r)
	}
}

// schemaAt compiles a schema of the document.
func schemaAt(t *testing.T, ref string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("openapi.json" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func valid(t *testing.T, ref, body string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Errorf("%s: %v in %s", ref, err, body)
		return
	}
	if err := schemaAt(t, ref).Validate(value); err != nil {
		t.Errorf("%s: %v\n%s", ref, err, body)
	}
}

// Every answer is what the document says of its status.
func TestAnswersAreAsDocumented(t *testing.T) {
	doc := readDoc(t)
	for _, c := range []struct {
		name, method, path, documented string
		change                         func(*apiServer, *http.Request)
		want                           int
	}{
		{"cameras", "GET", "/api/cameras", "/api/cameras", nil, 200},
		{"camera", "GET", "/api/cameras/gate", "/api/cameras/{name}", nil, 200},
		{"a name to be escaped", "GET", "/api/cameras/yard%201%2F%C3%A9", "/api/cameras/{name}", nil, 200},
		{"no such camera", "GET", "/api/cameras/none", "/api/cameras/{name}", nil, 404},
		{"restart", "POST", "/api/cameras/gate/restart", "/api/cameras/{name}/restart", nil, 202},
		{"restart of none", "POST", "/api/cameras/none/restart", "/api/cameras/{name}/restart", nil, 404},
		{"restart twice", "POST", "/api/cameras/gate/restart", "/api/cameras/{name}/restart", func(a *apiServer, _ *http.Request) {
			a.do("POST", "/api/cameras/gate/restart")
		}, 429},
		{"key frame", "POST", "/api/cameras/gate/keyframe", "/api/cameras/{name}/keyframe", nil, 202},
		{"key frame of none", "POST", "/api/cameras/none/keyframe", "/api/cameras/{name}/keyframe", nil, 404},
		{"key frame while away", "POST", "/api/cameras/gate/keyframe", "/api/cameras/{name}/keyframe", func(a *apiServer, _ *http.Request) { a.err = ErrNotPlaying }, 409},
		{"preview", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", offers, 201},
		{"preview of none", "POST", "/api/cameras/none/preview", "/api/cameras/{name}/preview", offers, 404},
		{"preview without an offer", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", nil, 415},
		{"preview of what it cannot play", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", refuses(406), 406},
		{"preview by a bad offer", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", refuses(400), 400},
		{"preview while away", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", func(a *apiServer, r *http.Request) {
			offers(a, r)
			a.previews.err = ErrNotPlaying
		}, 409},
		{"too many previews", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", refuses(503), 503},
		{"preview by a long offer", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", func(a *apiServer, r *http.Request) {
			offers(a, r)
			r.ContentLength = maxOffer + 1
		}, 413},
		{"preview by a long offer that does not say so", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", func(a *apiServer, r *http.Request) {
			offers(a, r)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("a", maxOffer+1))), -1
		}, 413},
		{"preview from elsewhere", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", func(a *apiServer, r *http.Request) {
			offers(a, r)
			r.Header.Set("Origin", "https://elsewhere.example")
		}, 403},
		{"preview without the token", "POST", "/api/cameras/gate/preview", "/api/cameras/{name}/preview", func(a *apiServer, r *http.Request) {
			offers(a, r)
			a.cfg.Token = theToken
		}, 401},
		{"end of a preview", "DELETE", "/api/cameras/gate/preview/id-1", "/api/cameras/{name}/preview/{id}", func(a *apiServer, _ *http.Request) {
			a.previews.open = "gate id-1"
		}, 204},
		{"end of no preview", "DELETE", "/api/cameras/gate/preview/id-1", "/api/cameras/{name}/preview/{id}", nil, 404},
		{"end of a preview without the token", "DELETE", "/api/cameras/gate/preview/id-1", "/api/cameras/{name}/preview/{id}", func(a *apiServer, _ *http.Request) {
			a.cfg.Token = theToken
		}, 401},
		{"from elsewhere", "POST", "/api/cameras/gate/restart", "/api/cameras/{name}/restart", func(_ *apiServer, r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}, 403},
		{"too long", "POST", "/api/cameras/gate/restart", "/api/cameras/{name}/restart", func(_ *apiServer, r *http.Request) { r.ContentLength = maxBody + 1 }, 413},
		{"no token", "GET", "/api/cameras", "/api/cameras", func(a *apiServer, _ *http.Request) { a.cfg.Token = theToken }, 401},
		{"rebound name", "GET", "/api/cameras", "/api/cameras", func(_ *apiServer, r *http.Request) {
			ctx := context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
			*r = *r.WithContext(ctx)
		}, 421},
		{"too often", "GET", "/api/cameras", "/api/cameras", func(a *apiServer, _ *http.Request) {
			for range requestBurst + 50 {
				a.do("GET", "/healthz")
			}
		}, 429},
		{"too many followers", "GET", "/api/events", "/api/events", func(a *apiServer, _ *http.Request) {
			for range maxSubscribers {
				a.watch.subscribe("")
			}
		}, 503},
		{"the document", "GET", "/api/openapi.json", "/api/openapi.json", nil, 200},
		{"metrics", "GET", "/metrics", "/metrics", nil, 200},
		{"health", "GET", "/healthz", "/healthz", nil, 200},
		{"not ready", "GET", "/readyz?cameras=all", "/readyz", nil, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t)
			r, w := httptest.NewRequest(c.method, c.path, nil), httptest.NewRecorder()
			if c.change != nil {
				c.change(a, r)
			}
			a.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Fatalf("got %d, want %d: %s", w.Code, c.want, w.Body)
			}
			var op operation
			if err := json.Unmarshal(doc.Paths[c.documented][strings.ToLower(c.method)], &op); err != nil {
				t.Fatal(err)
			}
			as, ok := op.Responses[strconv.Itoa(w.Code)]
			if !ok {
				t.Fatalf("the document does not know %d", w.Code)
			}
			if as.Ref != "" {
				valid(t, as.Ref+"/content/application~1json/schema", w.Body.String())
				return
			}
			if len(as.Content) == 0 && w.Body.Len() > 0 {
				t.Errorf("a body that is not documented: %s", w.Body)
			}
			for kind, content := range as.Content {
				if !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
					t.Errorf("Content-Type %q, want %q", w.Header().Get("Content-Type"), kind)
				}
				if content.Schema.Ref != "" {
					valid(t, content.Schema.Ref, w.Body.String())
				}
			}
		})
	}
}

func TestActions(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/api/cameras/yard%201%2F%C3%A9/restart")
	a.do("POST", "/api/cameras/gate/keyframe")
	if got := strings.Join(a.done, "; "); got != "restart yard 1/é; keyframe gate" {
		t.Errorf("done: %s", got)
	}
	a.err = errors.New("stream key 12345")
	if w := a.do("POST", "/api/cameras/gate/restart"); w.Code != 500 || strings.Contains(w.Body.String(), "12345") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := a.do("PUT", "/api/cameras/gate"); w.Code != 405 || w.Header().Get("Allow") != "GET" {
		t.Errorf("PUT: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if w := a.do("GET", "/api/nothing"); w.Code != 404 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("unknown: %d", w.Code)
	}
}

func TestWhatIsKept(t *testing.T) {
	w, now := newWatch(time.Now()), time.Now()
	s := publisher.Status{Name: "gate", State: publisher.Live, Since: now}
	for i := range 3 * historyLen {
		s.Bitrate = float64(i)
		if i%2 == 0 {
			s.Since = now.Add(time.Duration(i)) // it was in another state in between
		}
		w.look([]publisher.Status{s}, now.Add(time.Duration(i)*sampleEvery))
	}
	if h := w.history("gate"); len(h.Bitrate) != historyLen || h.Bitrate[historyLen-1] != 3*historyLen-1 || len(h.FPS) != historyLen {
		t.Errorf("history of %d", len(h.Bitrate))
	}
	if n := len(w.recent("", 1000)); n != 3*historyLen/2 {
		t.Errorf("%d events", n)
	}
	// Reasons with figures in them make an event now and then only.
	before := len(w.recent("", 1000))
	s.State = publisher.Stalled
	at := now.Add(time.Hour)
	for i, reason := range []string{"for 1 s", "for 2 s", "for 3 s", "for 30 s"} {
		s.Reason = reason
		w.look([]publisher.Status{s}, at.Add(time.Duration(i*i)*2*time.Second))
	}
	if n := len(w.recent("", 1000)) - before; n != 2 {
		t.Errorf("%d events of four reasons", n)
	}
	w.look(nil, at.Add(time.Minute))
	if h := w.history("gate"); len(h.Bitrate) != 0 {
		t.Error("the history of a camera that has gone")
	}
	for range maxEvents {
		s.Since = s.Since.Add(1)
		w.look([]publisher.Status{s}, at)
	}
	if n := len(w.recent("", 1000)); n != maxEvents {
		t.Errorf("%d events are kept", n)
	}
}
