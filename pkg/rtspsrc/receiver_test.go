package rtspsrc

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func feed(r *receiver, ssrc uint32, seqs ...uint16) {
	for _, s := range seqs {
		r.count(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: s, SSRC: ssrc}, Payload: []byte{1}}, r.started.Add(time.Second))
	}
}

func TestReceiverCountsLoss(t *testing.T) {
	for name, tc := range map[string]struct {
		seqs []uint16
		lost uint64
	}{
		"none":              {[]uint16{5, 6, 7}, 0},
		"gap":               {[]uint16{5, 6, 9}, 2},
		"wrap":              {[]uint16{65534, 65535, 0, 1}, 0},
		"gap at wrap":       {[]uint16{65534, 2}, 3},
		"late":              {[]uint16{5, 7, 6}, 0},
		"duplicate":         {[]uint16{5, 5, 6}, 0},
		"restart":           {[]uint16{40000, 40001, 3, 4, 5}, 0},
		"gap, then restart": {[]uint16{40000, 40003, 3, 5}, 3},
	} {
		r := newReceiver(nil, &description.Media{}, Track{ClockRate: 90000}, time.Now())
		feed(r, 1, tc.seqs...)
		var st Stats
		r.addTo(&st)
		if st.PacketsLost != tc.lost || st.PacketsReceived != uint64(len(tc.seqs)) {
			t.Errorf("%s: %+v, want %d lost", name, st, tc.lost)
		}
	}
}

func TestReceiverSurvivesNewSSRC(t *testing.T) {
	r := newReceiver(nil, &description.Media{}, Track{ClockRate: 90000}, time.Now())
	feed(r, 1, 100, 101, 103)
	feed(r, 2, 60000, 60001)
	var st Stats
	r.addTo(&st)
	if st.PacketsLost != 1 || r.source.Load() != 2 {
		t.Errorf("%+v, SSRC %d", st, r.source.Load())
	}
}

func TestReception(t *testing.T) {
	start := time.Now()
	r := newReceiver(nil, &description.Media{}, Track{ClockRate: 90000}, start)
	if r.reception(start) != nil {
		t.Error("a report before any packet")
	}
	feed(r, 7, 1, 2, 5, 6) // 2 of 6 lost
	r.report(&rtcp.SenderReport{SSRC: 7, NTPTime: 0x1122334455667788}, start)
	rr := r.reception(start.Add(2 * time.Second))[0]
	want := rtcp.ReceptionReport{SSRC: 7, FractionLost: 85, TotalLost: 2, LastSequenceNumber: 6, LastSenderReport: 0x33445566, Delay: 2 << 16}
	if rr != want {
		t.Errorf("%+v, want %+v", rr, want)
	}
	feed(r, 7, 7, 8)
	if rr := r.reception(start)[0]; rr.FractionLost != 0 || rr.TotalLost != 2 {
		t.Errorf("second report: %+v", rr)
	}
	if _, err := r.compound(start, r.refresh()).Marshal(); err != nil {
		t.Error(err)
	}
}

func TestReceiverAllocatesNothing(t *testing.T) {
	r := newReceiver(nil, &description.Media{}, Track{ClockRate: 90000}, time.Now())
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, 1000)}
	if n := testing.AllocsPerRun(100, func() {
		pkt.SequenceNumber++
		r.count(pkt, time.Now())
	}); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func TestStalled(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		last, now time.Duration
		want      bool
	}{
		{0, 11 * s, false}, {0, 21 * s, true}, // nothing yet, PLAY at 10 s
		{12 * s, 16 * s, false}, {12 * s, 18 * s, true},
	} {
		r := newReceiver(nil, &description.Media{}, Track{Kind: Video}, time.Now())
		r.last.Store(int64(tc.last))
		if got := stalled(r, 10*s, tc.now, 5*s); got != tc.want {
			t.Errorf("last %v now %v: %v", tc.last, tc.now, got)
		}
	}
}

func TestReportIsReplaced(t *testing.T) {
	listen := func() *datagramInlet {
		in, err := listenPacket("udp4", "127.0.0.1:0", nil, 1<<16, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		return in
	}
	ours, camera := listen(), listen()
	l := &link{}
	l.rtpSocket.Store(&datagramInlet{ordered: true})
	l.rtcpSocket.Store(ours)
	r := newReceiver(l, &description.Media{}, Track{ClockRate: 90000}, time.Now())
	r.adopt(l)
	feed(r, 7, 10, 12) // one lost

	report := func(ssrc uint32) {
		t.Helper()
		b, err := (&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, LastSequenceNumber: 2}}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := ours.WriteTo(b, camera.LocalAddr()); n != len(b) || err != nil {
			t.Fatalf("%d %v", n, err)
		}
	}
	report(99) // of a format that is not used
	report(7)
	buf := make([]byte, 1500)
	n, _, err := camera.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	pkts, err := rtcp.Unmarshal(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	rr, ok := pkts[0].(*rtcp.ReceiverReport)
	if !ok || rr.SSRC != r.ssrc || rr.Reports[0].TotalLost != 1 || rr.Reports[0].LastSequenceNumber != 12 {
		t.Errorf("%+v", pkts[0])
	}
}
