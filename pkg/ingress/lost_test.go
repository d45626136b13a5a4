package ingress

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

// TestEnsureLosesAnswers breaks every first request of each kind, in each way:
// afterwards there is one ingress, whatever happened to the answers.
func TestEnsureLosesAnswers(t *testing.T) {
	faults := map[string]ingresstest.Fault{
		"lost": {Lost: true}, "cut": {Cut: true}, "hang": {Hang: true},
		"500": {Status: 500, Body: "oops"}, "502 from a proxy": {Status: 502, Body: "<html>bad gateway</html>"},
	}
	for name, fault := range faults {
		for _, method := range []string{"CreateIngress", "ListIngress"} {
			for n := 1; n <= 2; n++ {
				t.Run(fmt.Sprintf("%s %s %d", name, method, n), func(t *testing.T) {
					opts := []func(*Config){}
					if fault.Hang {
						opts = append(opts, timeout(200*time.Millisecond))
					}
					s, c, log := fake(t, opts...)
					s.Fault = on(method, n, fault)
					e, err := c.Ensure(t.Context(), gate)
					if len(s.Ingresses("")) > 1 {
						t.Fatalf("%d ingresses", len(s.Ingresses("")))
					}
					if err != nil { // the caller tries again, as for any failure
						noSecret(t, err.Error())
						e = retry(t, c)
					}
					if got := only(t, s); got.IngressId != e.IngressID {
						t.Errorf("endpoint %v, ingress %v", e, got)
					}
					noSecret(t, log.String())
				})
			}
		}
	}
}

// retry calls Ensure until it succeeds: a loaded machine may run into the short
// timeout of a test more than once.
func retry(t *testing.T, c *Client) Endpoint {
	t.Helper()
	var err error
	for range 50 {
		var e Endpoint
		if e, err = c.Ensure(t.Context(), gate); err == nil {
			return e
		}
	}
	t.Fatalf("Ensure keeps failing: %v", err)
	return Endpoint{}
}

func TestEnsureAdoptsWhatALostAnswerMade(t *testing.T) {
	s, c, log := fake(t)
	s.Fault = on("CreateIngress", 1, ingresstest.Fault{Lost: true})
	e := ensure(t, c, gate)
	if only(t, s).IngressId != e.IngressID || s.Calls("CreateIngress") != 1 {
		t.Errorf("%v after %d requests", e, s.Calls("CreateIngress"))
	}
	if !strings.Contains(log.String(), "although the answer was lost") {
		t.Errorf("log: %s", log)
	}
}

func TestEnsureIsSerialInAProcess(t *testing.T) {
	s, c, _ := fake(t)
	var wg sync.WaitGroup
	for i := range 24 {
		spec := gate
		spec.Name = Marker("", fmt.Sprintf("cam%d", i%3))
		wg.Go(func() {
			if _, err := c.Ensure(t.Context(), spec); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.Calls("CreateIngress"); n != 3 || len(s.Ingresses("site")) != 3 {
		t.Errorf("%d creations, %d ingresses, want 3", n, len(s.Ingresses("site")))
	}
}

// TestTwoBoxes lets two processes with the same file start at once, many times.
func TestTwoBoxes(t *testing.T) {
	s, a, _ := fake(t)
	b := connect(t, s.URL)
	for i := range 20 {
		spec := gate
		spec.Name = Marker("", fmt.Sprintf("cam%d", i))
		var wg sync.WaitGroup
		for _, c := range []*Client{a, b} {
			wg.Go(func() {
				if _, err := c.Ensure(t.Context(), spec); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// Whoever lost the race sees it at the next look.
		if x, y := ensure(t, a, spec), ensure(t, b, spec); x.IngressID != y.IngressID {
			t.Errorf("boxes differ: %v and %v", x, y)
		}
		if n := len(s.Ingresses("")); n != i+1 {
			t.Fatalf("%d ingresses for %d cameras", n, i+1)
		}
	}
}
