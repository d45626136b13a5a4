package repack

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// Whatever is lost on the way: each access unit that ends with a marker is one of
// the camera's, whole, and they keep their order. From the first key frame on,
// each follows on the one before it or is a key frame itself.
func TestRandomLosses(t *testing.T) {
	for _, name := range []string{"360p-baseline", "360p-slices", "360p-main", "h265"} {
		v, err := testdata.Clip(name)
		if err != nil {
			t.Fatal(err)
		}
		want, packetize, rigOf := expected(v.AccessUnits), eachUnit, newRig
		if v.Codec == "H265" {
			want, packetize, rigOf = expected265(v), each265, newRig265
		}
		for seed := range uint64(24) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			marked, size, share := seed%2 == 0, 100+rnd.IntN(1400), []float64{0.001, 0.01, 0.1}[seed%3]
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				g := rigOf(t, VideoConfig{})
				g.r.SetParameterSets(v.ParameterSets...)
				lost := 0
				for _, au := range v.AccessUnits {
					g.frame()
					payloads := packetize(au, size)
					for i, b := range payloads {
						if rnd.Float64() < share {
							lost++
							g.seq++
							continue
						}
						g.push(marked && i == len(payloads)-1, b...)
					}
				}
				g.frame()
				g.push(false, 9, 1, 0xf0) // a delimiter, or reserved
				checkOrder(t, g.closed(), want, v)
				if s := g.r.Stats(); s.LostPackets > uint64(lost) || lost == 0 && s.AccessUnits != uint64(len(want)) {
					t.Errorf("%d lost: %+v", lost, s)
				}
			})
		}
	}
}

func checkOrder(t *testing.T, got, want [][][]byte, v *testdata.Video) {
	t.Helper()
	next, keyed := 0, false
	for n, au := range got {
		i := next
		for ; i < len(want) && sameUnits(au, want[i]) != nil; i++ {
		}
		switch {
		case i == len(want):
			t.Fatalf("access unit %d, NAL units %s, is none of the camera's", n, types(au))
		case i > next && keyed && !v.KeyFrame(i):
			t.Fatalf("access unit %d follows on %d", i, next-1)
		}
		next, keyed = i+1, keyed || v.KeyFrame(i)
	}
}
