package whiptest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(2e6)
		carried := 0
		for range 10000 { // 8 Mb/s for 10 s
			time.Sleep(time.Millisecond)
			if l.carries(1000 - overhead) {
				carried += 8000
			}
		}
		if rate := carried / 10; rate < 2000000 || rate > 2100000 {
			t.Errorf("%d b/s were carried", rate)
		}
		time.Sleep(time.Second)
		for n := range 60 {
			if !l.carries(1000 - overhead) {
				t.Fatalf("a burst of 60 kB is lost after %d packets", n)
			}
		}
	})
	if !(*link)(nil).carries(1 << 20) {
		t.Error("no link loses something")
	}
}
