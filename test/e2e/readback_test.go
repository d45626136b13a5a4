//go:build e2e

package e2e

import (
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// digest stands for one NAL unit.
type digest [sha256.Size]byte

// slicesOf returns the digests of the NAL units that hold picture data, in
// their order. Parameter sets are not among them: rtsp2whip repeats those.
func slicesOf(accessUnit [][]byte) []digest {
	var out []digest
	for _, nalu := range accessUnit {
		if kind := h264.NALUType(nalu[0] & 0x1f); kind >= h264.NALUTypeNonIDR && kind <= h264.NALUTypeIDR {
			out = append(out, sha256.Sum256(nalu))
		}
	}
	return out
}

// tape collects the digests of a stream.
type tape struct {
	mu      sync.Mutex
	digests []digest
	err     error // the first thing that went wrong while reading
}

func (t *tape) add(accessUnit [][]byte) {
	d := slicesOf(accessUnit)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.digests = append(t.digests, d...)
}

func (t *tape) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

func (t *tape) all() ([]digest, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.digests), t.err
}

// readBack plays a stream over RTSP and TCP, and collects it from its first
// whole key frame on.
func readBack(t testing.TB, address string) *tape {
	t.Helper()
	u, err := base.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	// MediaMTX has the path a moment after the WHIP session is connected: it
	// gathers the tracks first.
	var client *gortsplib.Client
	var desc *description.Session
	err = parts.Within(parts.Patient(15*time.Second), func() error {
		protocol := gortsplib.ProtocolTCP
		c := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Protocol: &protocol}
		if err := c.Start(); err != nil {
			return err
		}
		d, _, err := c.Describe(u)
		if err != nil {
			c.Close()
			return err
		}
		client, desc = c, d
		return nil
	})
	if err != nil {
		t.Fatalf("read back %s: %v", address, err)
	}
	t.Cleanup(client.Close)
	var h *format.H264
	media := desc.FindFormat(&h)
	if media == nil {
		t.Fatalf("read back %s: no H.264", address)
	}
	decoder, err := h.CreateDecoder()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Setup(desc.BaseURL, media, 0, 0); err != nil {
		t.Fatalf("read back %s: %v", address, err)
	}
	out := &tape{}
	client.OnPacketRTP(media, h, out.collector(decoder))
	if _, err := client.Play(nil); err != nil {
		t.Fatalf("read back %s: %v", address, err)
	}
	return out
}

func (t *tape) collector(decoder *rtph264.Decoder) func(*rtp.Packet) {
	started := false
	return func(pkt *rtp.Packet) {
		unit, err := decoder.Decode(pkt)
		if err != nil {
			// Before the start it is in the middle of something.
			if started && !errors.Is(err, rtph264.ErrMorePacketsNeeded) {
				t.fail(err)
			}
			return
		}
		// The parameter sets come first: with them, the unit is whole.
		started = started || h264.NALUType(unit[0][0]&0x1f) == h264.NALUTypeSPS
		if started {
			t.add(unit)
		}
	}
}
