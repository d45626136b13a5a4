package whip

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testWait = 20 * time.Second

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(testWait)
	defer timeout.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatalf("waited %v in vain for %s", testWait, what)
		}
	}
}

var (
	videoTrack = Track{Kind: Video, Codecs: []Codec{{Name: H264, ProfileLevelID: "64001f"}}}
	opusTrack  = Track{Kind: Audio, Codecs: []Codec{{Name: Opus}}}
)
