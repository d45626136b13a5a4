package rtspsrc

import (
	"net"
	"testing"
)

// recorded notes what is written to it.
type recorded struct {
	net.Conn
	text []string
}

func (r *recorded) Write(p []byte) (int, error) {
	r.text = append(r.text, string(p))
	return len(p), nil
}

// TestGreetingIsSentOnce: gortsplib's first request is on its way when it gets the
// connection. What it should begin with instead is sent all the same.
func TestGreetingIsSentOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		greeting string
		want     int
	}{
		"its own": {"OPTIONS a", 2}, "another": {"OPTIONS b", 3}, "none": {"", 3},
	} {
		c := &recorded{}
		w := newWire(c)
		if tc.greeting != "" {
			w.greeting = []byte(tc.greeting)
		}
		for _, request := range []string{"OPTIONS a", "DESCRIBE a", "OPTIONS a"} {
			if n, err := w.Write([]byte(request)); n != len(request) || err != nil {
				t.Errorf("%s: %d bytes written, %v", name, n, err)
			}
		}
		if len(c.text) != tc.want || c.text[len(c.text)-1] != "OPTIONS a" {
			t.Errorf("%s: sent %q", name, c.text)
		}
	}
}
