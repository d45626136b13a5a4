//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// moment says when a gateway that is making an ingress dies.
type moment int

const (
	refused moment = iota // nobody dies, and nothing is made
	never
	unsent  // the request has left and never arrives
	unasked // it arrives late, when the next run has looked already
	unread  // it is carried out, and nobody hears the answer
)

// reaper stands before LiveKit's API and kills whoever makes an ingress.
type reaper struct {
	*httptest.Server
	mu     sync.Mutex // one CreateIngress at a time
	kill   func()
	when   moment
	done   chan struct{} // closed when the victim is dead
	late   sync.WaitGroup
	api    *httputil.ReverseProxy
	killed int
}

func startReaper(t *testing.T, lk *parts.LiveKit) *reaper {
	t.Helper()
	to, err := url.Parse(lk.HTTP())
	if err != nil {
		t.Fatal(err)
	}
	r := &reaper{api: &httputil.ReverseProxy{
		Rewrite:      func(p *httputil.ProxyRequest) { p.SetURL(to) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() { r.late.Wait(); r.Close() })
	return r
}

func (r *reaper) serve(w http.ResponseWriter, req *http.Request) {
	if !strings.HasSuffix(req.URL.Path, "/CreateIngress") {
		r.api.ServeHTTP(w, req)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Context().Err() != nil { // from a run that is dead
		return
	}
	switch r.when {
	case refused:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case never:
		r.api.ServeHTTP(w, req)
		return
	}
	defer close(r.done)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	orphan := req.Clone(context.WithoutCancel(req.Context()))
	orphan.Body = io.NopCloser(bytes.NewReader(body))
	switch r.when {
	case unread:
		r.api.ServeHTTP(httptest.NewRecorder(), orphan)
	case unasked:
		r.late.Go(func() {
			<-time.After(time.Second)
			r.api.ServeHTTP(httptest.NewRecorder(), orphan)
		})
	}
	r.when = never
	r.killed++
	r.kill()
	panic(http.ErrAbortHandler)
}

// arm makes the next CreateIngress the victim's last deed.
func (r *reaper) arm(when moment, kill func()) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.when, r.kill, r.done = when, kill, make(chan struct{})
	return r.done
}

// Twenty cameras are declared and rtsp2whip is killed twenty times while it makes
// their ingresses: in the end there are twenty of them.
func TestTwentyKillsWhileProvisioning(t *testing.T) {
	const cameras, kills = 20, 20
	lk, _ := parts.StartLiveKitWithIngress(t)
	r := startReaper(t, lk)
	camera := startCamera(t, camsim.Config{})
	var entries []entry
	for i := range cameras {
		entries = append(entries, entry{name: fmt.Sprintf("cam%02d", i), url: camera.URL()})
	}
	file := strings.Replace(named(lk, "north", "site", entries...), lk.URL(), r.URL, 1)
	gateway := parts.StartGateway(t, "rtsp2whip", file)
	gateway.Kill()
	start := time.Now()
	for i := range kills {
		dead := r.arm(unsent+moment(i%3), gateway.Kill)
		gateway.Start()
		select {
		case <-dead:
		case <-time.After(parts.Patient(30 * time.Second)):
			t.Fatalf("run %d made no ingress within %s", i, parts.Patient(30*time.Second))
		}
	}
	t.Logf("%d kills took %.1f s", r.killed, time.Since(start).Seconds())
	r.late.Wait()
	gateway.Start()
	parts.Eventually(t, 60*time.Second, "every camera is in the room", func() error {
		for _, e := range entries {
			if err := publishes(lk, "site", e.name); err != nil {
				return err
			}
		}
		return nil
	})
	if ids := markers(t, lk); len(ids) != cameras {
		t.Errorf("%d ingresses for %d cameras: %v", len(ids), cameras, ids)
	}
}
