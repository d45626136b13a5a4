package whip

import "time"

// Stats is a snapshot of a session.
type Stats struct {
	Tracks []TrackStats
	// RTT is the round-trip time of the newest receiver report, or of ICE's newest check
	// where no report tells; 0 if unknown.
	RTT time.Duration
	// Pair is the path of the media, "192.0.2.1:40000 (host) -> 198.51.100.1:7885
	// (host)"; empty if there is none.
	Pair string
	// Path says in two words what Pair is.
	Path Path
	// Connected is when ICE and DTLS came up.
	Connected time.Time
	// DeliveredRate is what has arrived in the last second, in bits a second, and
	// DeliveredLoss the part of the packets that has not; AvailableRate is what the
	// path carries at least. The first two are 0 from servers without transport-wide
	// feedback, the third also unless they send REMB.
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

// Path is the kind of a path, by its end on this side; zero if there is none.
type Path struct {
	// Type is that of the candidate: "host", "srflx" or "prflx" for a direct path,
	// without or with address translation; "relay" for one over a TURN server.
	Type string
	// Protocol is "udp" or "tcp", and to a TURN server also "tls" or "dtls".
	Protocol string
}

// TrackStats are the counts of one track since the session began.
type TrackStats struct {
	Kind  string
	Codec string
	SSRC  uint32

	PacketsSent   uint64 // without retransmissions
	BytesSent     uint64 // RTP headers and retransmissions included, SRTP's tag not
	Nacked        uint64 // packets that the server asked for again
	Retransmitted uint64 // of those, the ones that were still there, and not too many at once
	PLI, FIR      uint64 // requests for a key frame

	// AllowedRate is the most that the server lets the track send, in bits a second,
	// by its answer (b=AS, b=TIAS) or by TMMBR; 0 if it has set no limit. Nothing
	// here holds the stream to it: that is up to its source.
	AllowedRate int

	// From the newest receiver report.
	FractionLost       float64 // of the packets of its interval, 0 to 1
	PacketsLost        int64   // since the start; negative if there were duplicates
	Jitter             time.Duration
	LastReceiverReport time.Time // zero if there was none
}

// PacingStats tell of the queue that Config.Pacing puts before the network.
type PacingStats struct {
	Rate      int // bits a second: the configured one, or the present one of Auto
	Auto      bool
	Delay     time.Duration // the longest wait of a packet that left in the last 5 to 10 s
	Queued    int           // bytes that wait now
	Delayed   uint64        // packets that have waited
	Hastened  uint64        // of those, the ones sent above the rate, for the sake of MaxDelay or room
	Discarded uint64        // requests for retransmissions that found no room in the queue
}

// Stats may be called at any time from any goroutine.
func (s *Session) Stats() Stats {
	pair := s.peer.pair()
	st := Stats{
		RTT:           s.roundTrip(),
		Pair:          pair.text,
		Path:          pair.path,
		Connected:     s.connected,
		Restarts:      s.restarts.Load(),
		MalformedRTCP: s.malformed.Load(),
	}
	st.DeliveredRate, st.DeliveredLoss = s.feedback.delivered(time.Now())
	if st.AvailableRate = available(st.DeliveredRate, st.DeliveredLoss); st.AvailableRate == 0 {
		st.AvailableRate = s.estimate.rate(time.Now())
	}
	if s.paced != nil {
		st.Pacing = s.paced.stats(time.Now())
	}
	for _, t := range s.tracks {
		ts := TrackStats{
			Kind: t.kind, Codec: t.chosen.Name, SSRC: t.ssrc,
			PacketsSent: t.packetsSent.Load(), BytesSent: t.bytesSent.Load(),
			Nacked: t.nacked.Load(), Retransmitted: t.retransmitted.Load(),
			PLI: t.pli.Load(), FIR: t.fir.Load(), AllowedRate: t.limit(),
		}
		if r := t.remote.Load(); r != nil {
			ts.FractionLost, ts.PacketsLost = r.fractionLost, r.lost
			ts.Jitter, ts.LastReceiverReport = r.jitter, r.at
		}
		st.Tracks = append(st.Tracks, ts)
	}
	return st
}

func (s *Session) roundTrip() time.Duration {
	if rtt := s.rtt.Load(); rtt > 0 {
		return time.Duration(rtt)
	}
	return s.peer.roundTrip()
}
