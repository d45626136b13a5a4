package rtspsrc

import (
	"fmt"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// MaxRepair is the longest description that is repaired.
const MaxRepair = maxRepair

// SetReportEvery shortens the time between receiver reports.
func SetReportEvery(s *Source, d time.Duration) { s.reportEvery = d }

// SetLifeEvery changes how often gortsplib is shown a packet or a sign of life; with
// 0, every datagram goes through it.
func SetLifeEvery(s *Source, d time.Duration) { s.lifeEvery = d }

// SetTeardownWait changes how long the answer to TEARDOWN is waited for.
func SetTeardownWait(s *Source, d time.Duration) { s.teardownWait = d }

// SetBodyPause changes after how much silence a body of unknown length is over.
func SetBodyPause(s *Source, d time.Duration) { s.bodyPause = d }

// MakeSPS makes the SPS of a Baseline stream whose size is a multiple of 16.
func MakeSPS(width, height int) []byte {
	var w bitWriter
	w.bits(0x67, 8)
	w.bits(66, 8) // profile_idc
	w.bits(0xc0, 8)
	w.bits(30, 8) // level_idc
	w.ue(0)       // seq_parameter_set_id
	w.ue(0)       // log2_max_frame_num_minus4
	w.ue(2)       // pic_order_cnt_type
	w.ue(1)       // max_num_ref_frames
	w.bits(0, 1)
	w.ue(uint(width/16 - 1))
	w.ue(uint(height/16 - 1))
	w.bits(1, 1) // frame_mbs_only_flag
	w.bits(1, 1) // direct_8x8_inference_flag
	w.bits(0, 1) // frame_cropping_flag
	w.bits(0, 1) // vui_parameters_present_flag
	w.bits(1, 1) // stop bit
	return w.b
}

// MakePPS is a PPS that fits MakeSPS.
func MakePPS() []byte { return []byte{0x68, 0xce, 0x3c, 0x80} }

type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) bits(v uint, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

func (w *bitWriter) ue(v uint) {
	n := 0
	for x := v + 1; x > 1; x >>= 1 {
		n++
	}
	w.bits(0, n)
	w.bits(v+1, n+1)
}

// sizeOf returns the picture size that an SPS tells, as 1280x720.
func sizeOf(t *testing.T, nalu []byte) string {
	t.Helper()
	var s h264.SPS
	if err := s.Unmarshal(nalu); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%dx%d", s.Width(), s.Height())
}
