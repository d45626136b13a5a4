package site

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// Pacing says how bursts of video are spread: PacingOff, PacingAuto, or a rate in
// bits a second.
type Pacing int64

// Off sends packets as they come; Auto spreads them by the stream's own mean.
const (
	PacingOff  Pacing = 0
	PacingAuto Pacing = -1
)

const (
	leastPacing = 50_000 // bits a second: some packets a second
	mostPacing  = 10_000_000_000
)

// rateUnits are those of a rate, the larger ones first. Case does not matter, nor
// does the way of writing "a second": no one means bytes.
var rateUnits = []struct {
	prefix string
	factor float64
}{{"g", 1e9}, {"m", 1e6}, {"k", 1e3}}

// UnmarshalText takes "off", "auto" or a rate, such as "7Mbps" or "700 kbit/s".
func (p *Pacing) UnmarshalText(text []byte) error {
	s := strings.ToLower(strings.TrimSpace(string(text)))
	switch s {
	case "off":
		*p = PacingOff
		return nil
	case "auto":
		*p = PacingAuto
		return nil
	}
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz/ ")
	unit := strings.TrimSpace(s[len(number):])
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || n < 0 || math.IsNaN(n) {
		return fmt.Errorf("%s: must be off, auto, or a rate such as 7Mbps", quoted(string(text)))
	}
	if unit == "" {
		return fmt.Errorf("%s: needs a unit, as in %sMbps", quoted(string(text)), s)
	}
	factor, ok := rateUnit(unit)
	switch {
	case !ok:
		return fmt.Errorf("%s: %s is no unit of a rate (kbps, Mbps or Gbps)", quoted(string(text)), quoted(unit))
	case n*factor < leastPacing, n*factor > mostPacing:
		return fmt.Errorf("%s: must be from %v to %v", quoted(string(text)), Pacing(leastPacing), Pacing(mostPacing))
	}
	*p = Pacing(math.Round(n * factor))
	return nil
}

func rateUnit(unit string) (factor float64, ok bool) {
	for _, u := range rateUnits {
		if rest, ok := strings.CutPrefix(unit, u.prefix); ok {
			switch rest {
			case "bps", "bit/s", "b/s", "bits/s":
				return u.factor, true
			}
		}
	}
	return 0, false
}

// String is "off", "auto", or the rate with its largest whole unit.
func (p Pacing) String() string {
	switch p {
	case PacingOff:
		return "off"
	case PacingAuto:
		return "auto"
	}
	for i, name := range []string{"Gbps", "Mbps"} {
		if v := float64(p) / rateUnits[i].factor; v >= 1 {
			return strconv.FormatFloat(v, 'f', -1, 64) + name
		}
	}
	return strconv.FormatFloat(float64(p)/1e3, 'f', -1, 64) + "kbps"
}

// MarshalText is the counterpart of UnmarshalText.
func (p Pacing) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p Pacing) whip() whip.Pacing {
	switch p {
	case PacingOff:
		return whip.Pacing{}
	case PacingAuto:
		return whip.Pacing{Auto: true}
	}
	return whip.Pacing{Rate: int(min(p, math.MaxInt))} // 2 Gb/s is enough for systems of 32 bits
}
