package whip

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// breaker ends a session that does harm, or nobody any good (RFC 8083). It is fed with
// what is sent and with the reception reports of one track, and has no clock.
//
// Three of the RFC's conditions are held: no reports any more, reports that nothing
// arrives, and ten times what TCP would send through the loss that is reported. The
// fourth, media that nobody can use, is the application's to judge; the congestion
// marks of section 8 are not set here. Two liberties are taken. Reports that have
// never come end nothing: there are servers that send none, and consent checks
// (RFC 7675) tell whether anyone is there. And a reporting interval is taken for 5 s,
// the longest that the RFC lets a sender assume, for servers do not tell theirs:
// the loss has to last for three of these.
type breaker struct {
	mu sync.Mutex

	reported bool      // there has been a report
	heard    time.Time // when the newest came; later by the time in which nothing was sent
	sentAt   uint64    // packets sent by the newest report
	checked  time.Time
	sent     uint64 // packets sent by then

	highest   uint32 // of the extended sequence numbers reported
	unmoved   int    // reports in a row that have not moved it, while packets were sent
	unmovedAt time.Time

	interval cbInterval // the present one, as far as it is reported
	began    time.Time
	begunAt  sentCount
	over     cbInterval // the last ones, as long as each was too much
	overs    int
	tripped  error
}

// cbInterval is what was sent and reported in one reporting interval.
type cbInterval struct {
	expected uint32  // packets that reports are about
	lost     float64 // of these
	packets  uint64  // sent, and so on
	bytes    uint64
	took     time.Duration
}

// sentCount is what a track has sent: packets without retransmissions, bytes with.
type sentCount struct{ packets, bytes uint64 }

const (
	// reportingInterval is Td and Tdr of RFC 8083: RFC 3550 section 6.2's minimum.
	reportingInterval = 5 * time.Second
	// rtcpIntervals is RTP/AVP circuit breaker 1.
	rtcpIntervals = 3
	// mediaReports is k of circuit breaker 2.
	mediaReports = 5
	// mediaLeast holds it to five intervals of a server that reports as often as they
	// come, once a second.
	mediaLeast = 5 * time.Second
	// tcpMultiple is an order of magnitude, circuit breaker 3.
	tcpMultiple = 10
	// framing is Tf: a camera of 5 pictures a second.
	framing = 200 * time.Millisecond
)

// congestionIntervals is CB_INTERVAL of RFC 8083 section 4.3.
func congestionIntervals(tf, tr, tdr, td time.Duration) int {
	window := min(max(10*tf, 10*tr, 3*tdr), max(15*time.Second, 3*td))
	return int((3*window + 3*tdr - 1) / (3 * tdr))
}

// tcpRate is what TCP would send, in bits a second: the simple equation that RFC 8083
// section 4.3 recommends, for one acknowledgement a packet. Without loss or round
// trip there is no bound.
func tcpRate(packet float64, roundTrip time.Duration, loss float64) float64 {
	if loss <= 0 || roundTrip <= 0 {
		return math.Inf(1)
	}
	return 8 * packet / (roundTrip.Seconds() * math.Sqrt(2*loss/3))
}

// report takes one reception report.
func (b *breaker) report(highest uint32, fractionLost float64, sent sentCount, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	moved := !b.reported || highest != b.highest // lower: the server counts anew
	switch {
	case moved || sent.packets == b.sentAt:
		b.unmoved = 0
	default:
		if b.unmoved++; b.unmoved == 1 {
			b.unmovedAt = now
		}
	}
	if expected := highest - b.highest; b.reported && expected < 1<<16 { // more: likewise
		b.interval.expected += expected
		b.interval.lost += fractionLost * float64(expected)
	}
	b.highest, b.reported, b.heard, b.sentAt = highest, true, now, sent.packets
}

// check judges once a second; the error says why the session has to end.
func (b *breaker) check(sent sentCount, roundTrip time.Duration, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tripped != nil {
		return b.tripped
	}
	if sent.packets == b.sent { // servers that receive nothing may report nothing
		b.heard = b.heard.Add(now.Sub(b.checked))
	}
	b.checked, b.sent = now, sent.packets
	silent := now.Sub(b.heard)
	switch {
	case b.reported && silent >= rtcpIntervals*reportingInterval:
		b.tripped = fmt.Errorf("no receiver report for %v", silent.Round(time.Second))
	case b.unmoved >= mediaReports && now.Sub(b.unmovedAt) >= mediaLeast:
		b.tripped = fmt.Errorf("no packet has arrived for %v, by the server's reports", now.Sub(b.unmovedAt).Round(time.Second))
	default:
		b.tripped = b.congested(sent, roundTrip, now)
	}
	return b.tripped
}

// congested closes an interval when it is over, and judges the last few: each of them
// has to be too much, so that a burst of loss is not taken for a full network.
func (b *breaker) congested(sent sentCount, roundTrip time.Duration, now time.Time) error {
	if b.began.IsZero() {
		b.began, b.begunAt = now, sent
		return nil
	}
	took := now.Sub(b.began)
	if took < reportingInterval {
		return nil
	}
	i := b.interval
	i.packets, i.bytes, i.took = sent.packets-b.begunAt.packets, sent.bytes-b.begunAt.bytes, took
	b.interval, b.began, b.begunAt = cbInterval{}, now, sent
	if !i.tooMuch(roundTrip) {
		b.over, b.overs = cbInterval{}, 0
		return nil
	}
	b.over, b.overs = b.over.plus(i), b.overs+1
	if b.overs < congestionIntervals(framing, roundTrip, reportingInterval, reportingInterval) {
		return nil
	}
	return &congestionError{rate: b.over.rate(), loss: b.over.loss(), over: b.over.took}
}

func (i cbInterval) plus(o cbInterval) cbInterval {
	return cbInterval{i.expected + o.expected, i.lost + o.lost, i.packets + o.packets, i.bytes + o.bytes, i.took + o.took}
}

// rate is in bits a second.
func (i cbInterval) rate() float64 { return float64(i.bytes) * 8 / i.took.Seconds() }

func (i cbInterval) loss() float64 { return i.lost / float64(i.expected) }

func (i cbInterval) tooMuch(roundTrip time.Duration) bool {
	if i.expected == 0 || i.packets == 0 {
		return false
	}
	packet := float64(i.bytes) / float64(i.packets)
	return i.rate() > tcpMultiple*tcpRate(packet, roundTrip, i.loss())
}

// reset forgets everything: the session has another path.
func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reported, b.unmoved = false, 0
	b.interval, b.began, b.over, b.overs, b.tripped = cbInterval{}, time.Time{}, cbInterval{}, 0, nil
}

// congestionError is what the network does not carry.
type congestionError struct {
	rate, loss float64
	over       time.Duration
}

func (e *congestionError) Error() string {
	return fmt.Sprintf("the network does not carry %.1f Mb/s: %.0f %% of the packets were lost for %v",
		e.rate/1e6, e.loss*100, e.over.Round(time.Second))
}

// congestionPause is how long a session that was ended for congestion is not made anew:
// whoever sends into a full network and comes back at once has not stopped (RFC 8083
// section 4.5).
const congestionPause = 20 * time.Second

// tripped is why a circuit breaker ends the session, nil if none does.
func (s *Session) tripped(now time.Time) error {
	rtt := s.roundTrip()
	for _, t := range s.tracks {
		err := t.breaker.check(t.sent(), rtt, now)
		if err == nil {
			continue
		}
		e := &Error{Op: "session", URL: s.client.Endpoint(), Err: fmt.Errorf("%s: %w", t.kind, err),
			hint: "check the network between this machine and the server, and see the server's log"}
		var full *congestionError
		if errors.As(err, &full) {
			e.retryAfter = congestionPause
			e.hint = "lower the camera's bit rate, or publish a smaller stream of it"
		}
		return e
	}
	return nil
}
