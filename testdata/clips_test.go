package testdata

import "testing"

func TestEveryClipParses(t *testing.T) {
	for _, name := range Names() {
		v, err := Clip(name)
		if err != nil {
			t.Fatal(err)
		}
		size, most := 0, 0
		for _, au := range v.AccessUnits {
			n := 0
			for _, nalu := range au {
				n += len(nalu)
			}
			size += n
			most = max(most, n)
		}
		t.Logf("%-14s %s %-8s %dx%d %d/s %3d units %v %4d kb/s, largest %d kB", name, v.Codec, v.Profile, v.Width, v.Height, v.FPS,
			len(v.AccessUnits), v.Duration(), int(float64(size)*8/1000/v.Duration().Seconds()), most/1000)
	}
	for _, name := range AudioNames() {
		s, err := Audio(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s %d/%d %d packets of %d, %v", name, s.ClockRate, s.Channels, len(s.Packets), s.Samples, s.Duration())
	}
}
