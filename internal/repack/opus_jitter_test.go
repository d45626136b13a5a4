package repack

import "testing"

// TestOpusStampedByItsSamples: cameras stamp packets by up to three quarters of
// their length off their time. Once the latest of these stamps is known, all
// steps are even.
func TestOpusStampedByItsSamples(t *testing.T) {
	var in []audioPacket
	for i := range 40 {
		jitter := [5]int{0, -700, 300, 720, -720}[i%5]
		in = append(in, audioPacket{ts: uint32(100000 + i*960 + jitter), size: 10})
	}
	ts, _ := pushAudio(t, NewOpus(NewLine(48000)), 0xf8, in)
	for i := 5; i < len(ts); i++ {
		if ts[i]-ts[i-1] != 960 {
			t.Errorf("packet %d is %d ticks after the one before", i, ts[i]-ts[i-1])
		}
	}
}
