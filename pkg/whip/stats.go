package whip

import (
	"net"
	"strconv"
	"time"

	"github.com/pion/webrtc/v4"
)

// Stats is a snapshot of a session.
type Stats struct {
	Tracks []TrackStats
	// RTT is the round-trip time of the newest receiver report, 0 if unknown.
	RTT time.Duration
	// Pair is the path of the media, "192.0.2.1:40000 (host) -> 198.51.100.1:7885
	// (host)"; empty if there is none.
	Pair string
	// Connected is when ICE and DTLS came up.
	Connected time.Time
	// DeliveredRate is what has arrived in the last second, in bits a second, and
	// DeliveredLoss the part of the packets that has not; AvailableRate is what the
	// path carries at least. All are 0 from servers without transport-wide feedback.
	DeliveredRate int
	DeliveredLoss float64
	AvailableRate int
	// Restarts counts the times that the session has moved to a new path.
	Restarts uint64
	// Pacing is what Config.Pacing does; all 0 without it.
	Pacing PacingStats
	// MalformedRTCP counts what could not be read.
	MalformedRTCP uint64
}

// TrackStats are the counts of one track since the session began.
type TrackStats struct {
	Kind  string
	Codec string
	SSRC  uint32

	PacketsSent   uint64 // without retransmissions
	BytesSent     uint64 // RTP headers and retransmissions included, SRTP's tag not
	Nacked        uint64 // packets that the server asked for again
	Retransmitted uint64 // of those, the ones that were still there
	PLI, FIR      uint64 // requests for a key frame

	// From the newest receiver report.
	FractionLost       float64 // of the packets of its interval, 0 to 1
	PacketsLost        int64   // since the start; negative if there were duplicates
	Jitter             time.Duration
	LastReceiverReport time.Time // zero if there was none
}

// PacingStats tell of the queue that Config.Pacing puts before the network.
type PacingStats struct {
	Rate      int           // bits a second: the configured one, or the present one of Auto
	Delay     time.Duration // the longest wait of a packet that left in the last 5 to 10 s
	Queued    int           // bytes that wait now
	Delayed   uint64        // packets that have waited
	Hastened  uint64        // of those, the ones sent above the rate, for the sake of MaxDelay or room
	Discarded uint64        // requests for retransmissions that found no room in the queue
}

// Stats may be called at any time from any goroutine.
func (s *Session) Stats() Stats {
	st := Stats{
		RTT:           time.Duration(s.rtt.Load()),
		Pair:          s.pair(),
		Connected:     s.connected,
		Restarts:      s.restarts.Load(),
		MalformedRTCP: s.malformed.Load(),
	}
	st.DeliveredRate, st.DeliveredLoss = s.feedback.delivered(time.Now())
	st.AvailableRate = available(st.DeliveredRate, st.DeliveredLoss)
	if s.paced != nil {
		st.Pacing = s.paced.stats(time.Now())
	}
	for _, t := range s.tracks {
		ts := TrackStats{
			Kind: t.kind, Codec: t.chosen.Name, SSRC: t.ssrc,
			PacketsSent: t.packetsSent.Load(), BytesSent: t.bytesSent.Load(),
			Nacked: t.nacked.Load(), Retransmitted: t.retransmitted.Load(),
			PLI: t.pli.Load(), FIR: t.fir.Load(),
		}
		if r := t.remote.Load(); r != nil {
			ts.FractionLost, ts.PacketsLost = r.fractionLost, r.lost
			ts.Jitter, ts.LastReceiverReport = r.jitter, r.at
		}
		st.Tracks = append(st.Tracks, ts)
	}
	return st
}

func (s *Session) pair() string {
	senders := s.pc.GetSenders()
	if len(senders) == 0 {
		return ""
	}
	pair, err := senders[0].Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil || pair.Local == nil || pair.Remote == nil {
		return ""
	}
	end := func(c *webrtc.ICECandidate) string {
		typ := c.Typ.String()
		if c.Protocol == webrtc.ICEProtocolTCP {
			typ = "tcp " + typ
		}
		return net.JoinHostPort(c.Address, strconv.Itoa(int(c.Port))) + " (" + typ + ")"
	}
	return end(pair.Local) + " -> " + end(pair.Remote)
}
