package personalities

import (
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// stream of a clip's first access units, a packet for each NAL unit.
func packetsOf(t *testing.T, units [][][]byte) []*rtp.Packet {
	t.Helper()
	var out []*rtp.Packet
	for i, au := range units {
		for j, n := range au {
			out = append(out, &rtp.Packet{
				Header: rtp.Header{
					Version: 2, SSRC: 7, SequenceNumber: uint16(65530 + len(out)), Timestamp: uint32(i * 3600), Marker: j == len(au)-1,
				},
				Payload: n,
			})
		}
	}
	return out
}

// TestReceiverSeesFaults spoils a good stream in every way that counts.
func TestReceiverSeesFaults(t *testing.T) {
	clip, err := testdata.Clip("360p-slices") // four slices a picture, after SPS and PPS in key frames
	if err != nil {
		t.Fatal(err)
	}
	units := clip.AccessUnits[:4]
	head := len(units[0]) // packets of the first access unit
	for name, c := range map[string]struct {
		spoil func(p []*rtp.Packet) []*rtp.Packet
		want  string // in a fault; "" for none
	}{
		"nothing": {func(p []*rtp.Packet) []*rtp.Packet { return p }, ""},
		"out of order on the way": {func(p []*rtp.Packet) []*rtp.Packet {
			p[3], p[4] = p[4], p[3]
			return slices.Insert(p, 8, p[2]) // and one comes twice
		}, ""},
		"a slice left out": {func(p []*rtp.Packet) []*rtp.Packet {
			for _, later := range p[head+1:] {
				later.SequenceNumber--
			}
			return slices.Delete(p, head, head+1)
		}, "not sent like this"},
		"a changed slice": {func(p []*rtp.Packet) []*rtp.Packet {
			p[head].Payload = append(slices.Clone(p[head].Payload), 1)
			return p
		}, "not sent like this"},
		"no parameter sets": {func(p []*rtp.Packet) []*rtp.Packet { return p[2:] }, "without its parameter sets"},
		"an early marker":   {func(p []*rtp.Packet) []*rtp.Packet { p[head].Marker = true; return p }, "follows the marker"},
		"time goes back":    {func(p []*rtp.Packet) []*rtp.Packet { p[head+4].Timestamp = 1; return p }, "steps back"},
		"SEI":               {func(p []*rtp.Packet) []*rtp.Packet { p[head].Payload = []byte{6, 5, 0x80}; return p }, "type 6"},
		"half a fragment": {func(p []*rtp.Packet) []*rtp.Packet {
			p[head].Payload = append([]byte{0x7c, 0x81}, p[head].Payload[1:]...)
			return p
		}, "amid a fragmented"},
		"a large packet": {func(p []*rtp.Packet) []*rtp.Packet {
			p[head].Payload = append(slices.Clone(p[head].Payload), make([]byte, 1300)...)
			return p
		}, "more than 1200 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReceiver(true)
			for _, au := range units {
				r.Sent(au)
			}
			for _, p := range c.spoil(packetsOf(t, units)) {
				r.RTP("video", p)
			}
			got := r.Report()
			if faults := strings.Join(got.Faults, "\n"); (c.want == "") != (faults == "") || !strings.Contains(faults, c.want) {
				t.Errorf("faults %q, want %q", faults, c.want)
			}
			if c.want == "" && (got.Pictures != 4 || got.KeyFrames != 1 || got.Sizes[0] != "640x360") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestReceiverCountsWhatDoesNotCome: pictures left out whole and access units
// that no marker closes are no faults, but they are told.
func TestReceiverCountsWhatDoesNotCome(t *testing.T) {
	clip, err := testdata.Clip("360p-slices")
	if err != nil {
		t.Fatal(err)
	}
	units := clip.AccessUnits[:4]
	r := NewReceiver(true)
	for _, au := range units {
		r.Sent(au)
	}
	packets := packetsOf(t, [][][]byte{units[0], units[1], units[3]})
	for _, p := range packets {
		if p.Timestamp == 3600 {
			p.Marker = false
		}
		r.RTP("video", p)
	}
	if got := r.Report(); got.Pictures != 2 || got.Skipped != 2 || got.Unclosed != 1 || got.Sent != 4 || len(got.Faults) > 0 {
		t.Errorf("%+v", got)
	}
}
