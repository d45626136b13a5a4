package repack

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/pion/rtp"
)

// TestFloods: what a camera sends without ever closing a picture, or without ever
// coming to one, is not kept.
func TestFloods(t *testing.T) {
	const packets = 1000 // of 64 kB
	junk := bytes.Repeat([]byte{0x5a}, 60_000)
	h264 := map[string]func(i uint32) []byte{
		"parameter sets":      func(i uint32) []byte { return makePPS(i%256, i%32, 60_000) },
		"stored sets":         func(i uint32) []byte { return makePPS(i%256, i%32, 4000+int(i%80)) },
		"endless set":         func(i uint32) []byte { return append([]byte{0x7c, first(i) | 7}, junk...) },
		"SEI":                 func(uint32) []byte { return append([]byte{0x06, 5}, junk...) },
		"endless SEI":         func(i uint32) []byte { return append([]byte{0x7c, first(i) | 6}, junk...) },
		"endless slice":       func(i uint32) []byte { return append([]byte{0x7c, first(i) | 5, 0x88}, junk...) },
		"slice without a bit": func(i uint32) []byte { return append([]byte{0x7c, first(i) | 5}, make([]byte, 60_000)...) },
		"reserved types":      func(uint32) []byte { return append([]byte{0x17}, junk...) },
		"sets without end":    func(uint32) []byte { return append([]byte{0x78, 0xea, 0x60}, junk...) },
	}
	h265 := map[string]func(i uint32) []byte{
		"parameter sets": func(uint32) []byte { return append([]byte{0x44, 1}, junk...) },
		"stored sets":    func(i uint32) []byte { return append([]byte{0x44, 1, byte(i), byte(i >> 8)}, junk[:4000]...) },
		"endless set":    func(i uint32) []byte { return append([]byte{0x62, 1, first(i) | 34}, junk...) },
		"endless SEI":    func(i uint32) []byte { return append([]byte{0x62, 1, first(i) | 39}, junk...) },
		"endless slice":  func(i uint32) []byte { return append([]byte{0x62, 1, first(i) | 19, 0xff}, junk...) },
	}
	for codec, floods := range map[string]map[string]func(uint32) []byte{"H264": h264, "H265": h265} {
		for name, payload := range floods {
			t.Run(codec+" "+name, func(t *testing.T) {
				var v *Video
				if codec == "H264" {
					v = NewH264(VideoConfig{SEI: SEIPass}, NewLine(90000))
				} else {
					v = NewH265(VideoConfig{SEI: SEIPass}, NewLine(90000))
				}
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				for i := range uint32(packets) {
					pkt := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: i / 100}, Payload: payload(i)}
					if err := v.Push(&pkt, testStart, new(discard)); err != nil {
						t.Fatal(err)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 4<<20 {
					t.Errorf("%d kB are kept", n>>10)
				}
				runtime.KeepAlive(v)
			})
		}
	}
}

// first is the S bit of a fragment's header for the first packet.
func first(i uint32) byte {
	if i == 0 {
		return 0x80
	}
	return 0
}
