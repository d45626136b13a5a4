package publisher

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDerive(t *testing.T) {
	bad := &Fault{Text: "x"}
	for _, c := range []struct {
		name        string
		cam, target side
		want        State
		reason      bool
	}{
		{"not started", side{}, side{}, Idle, false},
		{"first connect", side{phase: phaseWorking}, side{}, Opening, false},
		{"playing", side{phase: phaseProbing}, side{}, Probing, false},
		{"first POST", side{phase: phaseUp}, side{phase: phaseWorking}, Publishing, false},
		{"both up", side{phase: phaseUp}, side{phase: phaseUp}, Live, false},
		{"target refuses", side{phase: phaseUp}, side{phase: phaseWaiting, fault: bad}, Reconnecting, true},
		{"target tried again", side{phase: phaseUp}, side{phase: phaseWorking, fault: bad}, Reconnecting, true},
		{"camera refuses", side{phase: phaseWaiting, fault: bad}, side{}, Reconnecting, true},
		{"camera tried again", side{phase: phaseWorking, fault: bad}, side{phase: phaseUp}, Reconnecting, true},
		{"camera silent", side{phase: phaseWaiting, fault: bad, stall: true}, side{phase: phaseUp}, Stalled, true},
		{"silent camera reopened", side{phase: phaseProbing, fault: bad, stall: true}, side{phase: phaseUp}, Stalled, true},
		{"nobody watches", side{phase: phaseUp}, side{phase: phaseResting}, Waiting, false},
		{"nobody watches, camera closed", side{phase: phaseResting}, side{phase: phaseResting}, Waiting, false},
		{"nobody would be seen", side{phase: phaseResting}, side{phase: phaseResting, fault: bad}, Reconnecting, true},
		{"nobody watches, camera lost", side{phase: phaseWaiting, fault: bad}, side{phase: phaseResting}, Reconnecting, true},
		{"taken over", side{phase: phaseUp}, side{phase: phaseTaken, fault: bad}, Standby, true},
		{"taken over, camera lost", side{phase: phaseWaiting, fault: bad}, side{phase: phaseTaken, fault: bad}, Reconnecting, true},
	} {
		state, fault := derive(c.cam, c.target, nil)
		if state != c.want || (fault != nil) != c.reason {
			t.Errorf("%s: %s, fault %v; want %s", c.name, state, fault, c.want)
		}
	}
}

func TestDeriveInDoubt(t *testing.T) {
	up := side{phase: phaseUp}
	for _, c := range []struct {
		name   string
		cam    side
		d      *doubt
		want   State
		reason string
	}{
		{"none", up, nil, Live, ""},
		{"nothing wrong yet", up, &doubt{state: Publishing}, Publishing, ""},
		{"not in the room", up, &doubt{Publishing, Fault{Text: "x"}}, Publishing, "x"},
		{"the camera is away", side{phase: phaseWaiting, fault: &Fault{Text: "gone"}}, &doubt{Publishing, Fault{Text: "x"}}, Reconnecting, "gone"},
	} {
		state, fault := derive(c.cam, up, c.d)
		reason := ""
		if fault != nil {
			reason = fault.Text
		}
		if state != c.want || reason != c.reason {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, state, reason, c.want, c.reason)
		}
	}
}

func TestBackoff(t *testing.T) {
	b := newBackoff(&outage{})
	b.rand = func() float64 { return 0.999999 }
	passing, slow := Fault{}, Fault{Slow: true}
	for i, want := range []time.Duration{500, 1000, 2000, 4000, 5000, 5000} {
		if got := b.next(passing).Round(time.Millisecond); got != want*time.Millisecond {
			t.Errorf("passing %d: %v, want %v", i, got, want*time.Millisecond)
		}
	}
	for i, want := range []time.Duration{10, 20, 40, 80, 120, 120} {
		if got := b.next(slow).Round(time.Second); got != want*time.Second {
			t.Errorf("slow %d: %v, want %v", i, got, want*time.Second)
		}
	}
	b.reset()
	b.rand = func() float64 { return 0 }
	if got := b.next(passing); got != 0 {
		t.Errorf("full jitter begins at %v, want 0", got)
	}
	if got := b.next(slow); got != 5*time.Second {
		t.Errorf("slow retries keep half of their limit: %v", got)
	}
	b.next(passing)
	b.since = b.since.Add(-longAfter) // as if it had failed for so long
	if got := b.next(passing); got != passingMax/2 {
		t.Errorf("after %v: %v, want %v", longAfter, got, passingMax/2)
	}
	if got := b.next(Fault{RetryAfter: 42 * time.Second}); got != 42*time.Second {
		t.Errorf("Retry-After: %v", got)
	}
	if got := b.next(Fault{RetryAfter: 1e9 * time.Second}); got != retryAfterMax {
		t.Errorf("an absurd Retry-After: %v, want %v", got, retryAfterMax)
	}
}

func TestFaultOf(t *testing.T) {
	f := faultOf(fmt.Errorf("camera: %w", wrongPassword{}))
	if f.Text != "camera: DESCRIBE rtsp://camera/: 401 Unauthorized" || !f.Slow || f.Hint == "" {
		t.Errorf("%+v", f)
	}
	if f := faultOf(errors.New("EOF")); f.Slow || f.Hint != "" || f.RetryAfter != 0 {
		t.Errorf("plain error: %+v", f)
	}
}

func TestGOPCache(t *testing.T) {
	var c gopCache
	add := func(ts uint32, payload ...byte) {
		c.add(&rtp.Header{Timestamp: ts}, payload, startsKeyFrame(CodecH264, payload))
	}
	replayed := func() (ts []uint32, payloads []string) {
		c.replay(func(h *rtp.Header, p []byte) error {
			ts, payloads = append(ts, h.Timestamp), append(payloads, string(p))
			return nil
		}, func() {})
		return ts, payloads
	}

	add(1000, 0x41, 'x')
	if ts, _ := replayed(); len(ts) != 0 {
		t.Fatal("pictures without their key frame were kept")
	}
	add(3600, 24, 'p')
	add(3600, 0x65, 'i')
	add(7200, 0x41, 'a')
	add(10800, 0x41, 'b')
	ts, payloads := replayed()
	if got, want := fmt.Sprint(ts), fmt.Sprint([]uint32{10620, 10620, 10710, 10800}); got != want {
		t.Errorf("timestamps %s, want %s", got, want)
	}
	if got := fmt.Sprintf("%q", payloads); got != `["\x18p" "ei" "Aa" "Ab"]` {
		t.Errorf("payloads %s", got)
	}

	add(14400, 24, 'p')
	if ts, _ := replayed(); len(ts) != 1 {
		t.Errorf("%d packets after a new key frame, want 1", len(ts))
	}
	big := make([]byte, 1100)
	big[0] = 0x41
	for i := range uint32(gopCacheBytes/len(big) + 1) {
		c.add(&rtp.Header{Timestamp: 18000 + i*3600}, big, false)
	}
	if ts, _ := replayed(); len(ts) != 0 {
		t.Errorf("a group of pictures over the bound was kept: %d packets", len(ts))
	}
	add(1e7, 24, 'p')
	if ts, _ := replayed(); len(ts) != 1 {
		t.Error("the next key frame did not begin a new cache")
	}
}

func TestGOPCacheAcrossTheTimestampsEnd(t *testing.T) {
	var c gopCache
	c.add(&rtp.Header{Timestamp: 0xffffff00}, []byte{24}, true)
	c.add(&rtp.Header{Timestamp: 20}, []byte{0x41}, false)
	var first uint32
	c.replay(func(h *rtp.Header, _ []byte) error {
		if first == 0 {
			first = h.Timestamp
		}
		return nil
	}, func() {})
	if first != 0xffffffba { // 20 - 90, modulo 2^32
		t.Errorf("first timestamp %#x", first)
	}
}

func TestGOPCacheHoldsWhatCameFirst(t *testing.T) {
	c := gopCache{mostBytes: 200 << 10}
	var want []string
	for i := range 150 {
		payload := strings.Repeat(string(rune('a'+i%26)), 1+i*7)
		want = append(want, payload)
		c.add(&rtp.Header{Timestamp: uint32(i), SequenceNumber: uint16(i), Marker: i%2 == 0}, []byte(payload), i == 0)
	}
	var got []string
	c.each(func(p cachedPacket, payload []byte) {
		if h := p.header(); int(h.SequenceNumber) != len(got) || h.Marker != (len(got)%2 == 0) || h.Timestamp != uint32(len(got)) {
			t.Errorf("packet %d: %+v", len(got), h)
		}
		got = append(got, string(payload))
	}, func() {})
	if !slices.Equal(got, want) {
		t.Errorf("%d packets came back, or others", len(got))
	}
	if len(c.blocks) < 2 {
		t.Error("not more than a block was needed: the test shows nothing")
	}
	c.add(&rtp.Header{Timestamp: 200}, make([]byte, 40<<10), false)
	if !c.broken || len(c.blocks) != 0 {
		t.Error("a packet that fits no block was kept, or what was before it")
	}
}
