package site

import (
	"math"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

func TestPacingText(t *testing.T) {
	for text, want := range map[string]Pacing{
		"off": PacingOff, "auto": PacingAuto, "AUTO": PacingAuto, "7Mbps": 7_000_000, "7 mb/s": 7_000_000, "1.5Mbit/s": 1_500_000,
		"700kbps": 700_000, "1Gbps": 1_000_000_000, "50 kbits/s": 50_000,
	} {
		var got Pacing
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q reads as %d, %v", text, got, err)
		}
		var back Pacing
		if err := back.UnmarshalText([]byte(got.String())); err != nil || back != want {
			t.Errorf("%q prints as %q, which reads as %d, %v", text, got, back, err)
		}
	}
	for text, want := range map[string]string{
		"": "must be off, auto", "on": "must be off, auto", "fast": "must be off, auto", "-7Mbps": "must be off, auto",
		"NaN": "must be off, auto", "7": `needs a unit, as in 7Mbps`, "7MB": "no unit", "7bps": "no unit", "7 parsecs": "no unit",
		"49kbps": "from 50kbps to 10Gbps", "11Gbps": "from 50kbps to 10Gbps", "1e300Gbps": "from 50kbps",
	} {
		got := Pacing(5)
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || got != 5 {
			t.Errorf("%q reads as %d, %v", text, got, err)
		}
	}
}

// Each reaches the WHIP client as what it is, and the client takes the least and the
// most that the file may hold.
func TestPacingReachesTheClient(t *testing.T) {
	for p, want := range map[Pacing]whip.Pacing{
		PacingOff: {}, PacingAuto: {Auto: true}, leastPacing: {Rate: leastPacing}, mostPacing: {Rate: int(min(Pacing(mostPacing), math.MaxInt))},
	} {
		if got := p.whip(); got != want {
			t.Errorf("%v: %+v", p, got)
		}
		if _, err := whip.New(whip.Config{Endpoint: "https://h/w", Pacing: p.whip()}); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
}
