package whip

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestConnectedIsNotEnough: the library says "connected" a moment before the keys
// are in use, and drops without an error what is written until then.
func TestConnectedIsNotEnough(t *testing.T) {
	c, err := New(Config{Endpoint: "http://127.0.0.1/whip"})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := planTracks([]Track{videoTrack})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.newSession(plan, c.firstWay())
	if err != nil {
		t.Fatal(err)
	}
	defer s.tearDown(t.Context())
	s.states.connect()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var e *Error
	if err := s.connect(ctx, "", ""); !errors.As(err, &e) || e.Op != "DTLS" {
		t.Errorf("a session without keys was handed out: %v", err)
	}
}
