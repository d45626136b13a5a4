package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxSubscribers may follow the events at a time.
	maxSubscribers = 16
	// maxUnread is how far a subscriber may fall behind before it is dropped; it
	// comes back by itself and says what it has seen last.
	maxUnread = maxEvents + 50
	// heartbeat keeps proxies from taking the line for dead, and finds out who has gone.
	heartbeat = 15 * time.Second
	// writeLimit is the longest that one message may take to leave.
	writeLimit = 10 * time.Second
)

// message is one server-sent event.
type message struct {
	event, id string
	data      any
}

// subscriber is somebody who follows the events.
type subscriber struct {
	messages chan message // closed if the subscriber is too slow
}

// subscribe returns nil if there are too many. last is the Last-Event-ID: what came
// after it is sent first. "" is somebody new, who gets what comes from now on.
func (w *watch) subscribe(last string) *subscriber {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.subs) >= maxSubscribers {
		return nil
	}
	sub := &subscriber{messages: make(chan message, maxUnread)}
	from := len(w.events)
	if last != "" {
		from = 0 // of another run, or so old that all we have is news
		for i, e := range w.events {
			if e.ID == last {
				from = i + 1
			}
		}
	}
	for _, e := range w.events[from:] {
		sub.messages <- message{event: "state", id: e.ID, data: e}
	}
	w.subs[sub] = true
	return sub
}

func (w *watch) unsubscribe(sub *subscriber) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.subs, sub)
}

// tell hands a message to every subscriber; mu is held.
func (w *watch) tell(m message) {
	for sub := range w.subs {
		select {
		case sub.messages <- m:
		default:
			delete(w.subs, sub)
			close(sub.messages)
		}
	}
}

// events answers GET /api/events with server-sent events until the reader goes.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	sub := s.watch.subscribe(r.Header.Get("Last-Event-ID"))
	if sub == nil {
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusServiceUnavailable, "too many follow the events already")
		return
	}
	defer s.watch.unsubscribe(sub)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	send := func(format string, args ...any) bool {
		// Not every writer has deadlines; those of net/http do.
		_ = out.SetWriteDeadline(time.Now().Add(writeLimit))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && out.Flush() == nil
	}
	if !send("retry: 3000\n\n") {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for ok := true; ok; {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			ok = send(": alive\n\n")
		case m, open := <-sub.messages:
			if !open {
				return
			}
			data, err := json.Marshal(m.data)
			if err != nil {
				s.cfg.Logger.Error("events", "err", err)
				return
			}
			if m.id != "" && !send("id: %s\n", m.id) {
				return
			}
			ok = send("event: %s\ndata: %s\n\n", m.event, data)
		}
	}
}
