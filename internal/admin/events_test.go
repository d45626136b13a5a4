package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// sse reads server-sent events: name, id and data, separated by |; comments as they are.
func sse(t *testing.T, address, last string) (next func() string, done func()) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", last)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		t.Fatalf("events: %s", resp.Status)
	}
	in := bufio.NewScanner(resp.Body)
	return func() string {
		var parts []string
		for in.Scan() {
			if in.Text() == "" && len(parts) > 0 {
				return strings.Join(parts, "|")
			}
			if !strings.HasPrefix(in.Text(), "retry:") && in.Text() != "" {
				parts = append(parts, in.Text())
			}
		}
		return "end"
	}, func() { _ = resp.Body.Close() }
}

func TestEvents(t *testing.T) {
	a := newAPI(t)
	h := httptest.NewServer(a.Server)
	defer h.Close()
	first := a.watch.recent("", 10)[1].ID
	next, done := sse(t, h.URL, first)
	defer done()
	if got := next(); !strings.HasPrefix(got, "id: "+a.watch.recent("", 1)[0].ID+"|event: state|data: ") {
		t.Fatalf("after Last-Event-ID: %s", got)
	}
	now := time.Now()
	a.list[0].State, a.list[0].Since, a.list[0].Reason = publisher.Stalled, now, "no frames"
	a.watch.look(a.list, now)
	got := next()
	_, data, _ := strings.Cut(got, "|event: state|data: ")
	var e Event
	if err := json.Unmarshal([]byte(data), &e); err != nil || e.Camera != "gate" || e.State != "stalled" || e.Previous != "live" || e.Reason != "no frames" || e.ID == "" {
		t.Fatalf("%s: %v", got, err)
	}
	valid(t, "#/components/schemas/Event", data)
	a.watch.look(a.list, now.Add(sampleEvery))
	got = next()
	data, ok := strings.CutPrefix(got, "event: stats|data: ")
	if !ok {
		t.Fatalf("want stats, got %s", got)
	}
	valid(t, "#/components/schemas/Samples", data)

	// Of another run of the program: everything is news.
	again, close2 := sse(t, h.URL, "other-57")
	defer close2()
	for range 3 {
		if got := again(); !strings.HasPrefix(got, "id: ") {
			t.Fatalf("got %s", got)
		}
	}
}

func TestServeEndsWhoFollows(t *testing.T) {
	a := newAPI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	next, done := sse(t, "http://"+l.Addr().String(), "")
	defer done()
	cancel()
	for next() != "end" {
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestSlowSubscribersAreCutOff(t *testing.T) {
	w := newWatch(time.Now())
	sub := w.subscribe("")
	w.mu.Lock()
	for range maxUnread + 1 {
		w.tell(message{event: "stats"})
	}
	w.mu.Unlock()
	n := 0
	for range sub.messages {
		n++
	}
	if n != maxUnread || len(w.subs) != 0 {
		t.Errorf("%d messages, %d subscribers", n, len(w.subs))
	}
	w.unsubscribe(sub)
}
