package personalities_test

import (
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// arrivals keeps when the newest packets came, by kind.
type arrivals struct {
	mu    sync.Mutex
	kinds map[string][]arrival
}

type arrival struct {
	ts uint32
	at time.Time
}

func (a *arrivals) note(kind string, ts uint32, at time.Time) {
	const most = 100
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kinds == nil {
		a.kinds = map[string][]arrival{}
	}
	list := a.kinds[kind]
	if n := len(list); n > 0 && list[n-1].ts == ts {
		return
	}
	if len(list) == most {
		list = append(list[:0], list[1:]...)
	}
	a.kinds[kind] = append(list, arrival{ts, at})
}

// slow is how much longer after its moment the picture has come than the sound, where
// the session's sender reports put these moments; 0 if there are none.
func (a *arrivals) slow(s *whiptest.Session) time.Duration {
	video, ok := a.since(s, "video", 90000)
	audio, alsoOK := a.since(s, "audio", 8000)
	if !ok || !alsoOK {
		return 0
	}
	return video - audio
}

// since is how long after its moment the quickest of the newest packets has come.
func (a *arrivals) since(s *whiptest.Session, kind string, clock int) (least time.Duration, ok bool) {
	report := s.Track(kind).LastReport
	if report.NTPTime == 0 {
		return 0, false
	}
	const since1900 = 2208988800
	moment := time.Unix(int64(report.NTPTime>>32)-since1900, int64(report.NTPTime&0xffffffff)*1e9>>32)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.kinds[kind] {
		ahead := time.Duration(int32(p.ts-report.RTPTime)) * time.Second / time.Duration(clock)
		if d := p.at.Sub(moment.Add(ahead)); !ok || d < least {
			least, ok = d, true
		}
	}
	return least, ok
}
