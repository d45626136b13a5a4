//go:build !race

package publisher

import (
	"testing"

	"github.com/pion/rtp"
)

// TestKeptPicturesAreNoGarbage: while a server is down, every camera's groups of
// pictures are kept, and most are larger than what is kept.
func TestKeptPicturesAreNoGarbage(t *testing.T) {
	var c gopCache
	payload := make([]byte, 1100)
	turn := func() {
		for i := range uint32(600) {
			c.add(&rtp.Header{Timestamp: i}, payload, i == 0)
		}
	}
	turn()
	if n := testing.AllocsPerRun(50, turn); n > 1 { // the pool may be emptied once
		t.Errorf("%v allocations a group of pictures", n)
	}
}
