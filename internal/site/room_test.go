package site

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

// countingTransport answers that a room is empty, and counts.
type countingTransport struct {
	requests, closes int
	err              error
}

func (c *countingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	c.requests++
	if c.err != nil {
		return nil, c.err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/protobuf"}}, Body: http.NoBody}, nil
}

func (c *countingTransport) CloseIdleConnections() { c.closes++ }

// TestListerDropsDeadConnections asks for a room over and over; the connections from
// before the box has moved are not used again.
func TestListerDropsDeadConnections(t *testing.T) {
	wire := &countingTransport{}
	lk, err := ingress.New(ingress.Config{
		URL: "http://192.0.2.9", APIKey: "key", APISecret: "a secret that is long enough for anybody",
		HTTPClient: &http.Client{Transport: wire},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := "192.0.2.1"
	list := lister(lk, &residence{addresses: func() ([]net.Addr, error) { return []net.Addr{&net.IPAddr{IP: net.ParseIP(at)}}, nil }})
	for i, c := range []struct {
		at   string
		err  error
		want int // closes so far
	}{{at: "192.0.2.1"}, {at: "192.0.2.1"}, {at: "198.51.100.1", want: 1}, {at: "198.51.100.1", want: 1}, {at: "198.51.100.1", err: errors.New("reset"), want: 2}} {
		at, wire.err = c.at, c.err
		if _, err := list(context.Background(), "yard"); (err != nil) != (c.err != nil) {
			t.Errorf("%d: %v", i, err)
		}
		if wire.requests != i+1 || wire.closes != c.want {
			t.Errorf("%d: %d requests, closed %d times, want %d", i, wire.requests, wire.closes, c.want)
		}
	}
}

func TestResidence(t *testing.T) {
	addr := func(texts ...string) (out []net.Addr) {
		for _, s := range texts {
			out = append(out, &net.IPAddr{IP: net.ParseIP(s)})
		}
		return out
	}
	var have []net.Addr
	var fault error
	r := &residence{addresses: func() ([]net.Addr, error) { return have, fault }}
	for i, c := range []struct {
		have []net.Addr
		err  error
		want bool
	}{
		{have: addr("127.0.0.1", "192.0.2.1")},                                  // nothing to compare with
		{have: addr("192.0.2.1", "127.0.0.1")},                                  // another order
		{err: errors.New("no answer")},                                          // the system does not say
		{have: addr("127.0.0.1", "192.0.2.1")},                                  // as before
		{have: addr("127.0.0.1", "198.51.100.1"), want: true},                   // another address
		{have: addr("127.0.0.1", "198.51.100.1")},                               //
		{have: addr("127.0.0.1"), want: true},                                   // none but loopback
		{have: addr("127.0.0.1", "198.51.100.1", "2001:db8::1"), want: true},    // back, and one more
		{have: addr("127.0.0.1", "198.51.100.1", "2001:db8::1"), want: false},   //
		{have: addr("127.0.0.1", "198.51.100.1", "2001:db8:1::1"), want: true},  // another network
		{have: addr("127.0.0.1", "198.51.100.1", "2001:db8:1::1"), want: false}, //
	} {
		have, fault = c.have, c.err
		if got := r.moved(); got != c.want {
			t.Errorf("%d: %v, %v: moved is %v", i, c.have, c.err, got)
		}
	}
}
