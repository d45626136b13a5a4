package repack

import (
	"encoding/hex"
	"fmt"
	"math"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// VideoInfo is what a sequence parameter set says about the video.
type VideoInfo struct {
	Width, Height int     // in pixels, after cropping
	FPS           float64 // from the VUI timing; 0 if it gives none
	// ProfileLevelID is the value of the SDP parameter of that name (RFC 6184,
	// section 8.1): profile_idc, constraint flags and level_idc in hex. Of H.265,
	// which has no such parameter, general_profile_idc, general_tier_flag and
	// general_level_idc, a byte each.
	ProfileLevelID string
	// Interlaced is set if the stream may contain fields (frame_mbs_only_flag 0).
	Interlaced bool
	// Reordering is set unless the set rules out that pictures are shown in
	// another order than they are sent in, as B-frames are.
	Reordering bool

	frameNumBits   int // 0 if unknown
	separatePlanes bool
}

// ParseSPS reads a sequence parameter set: a NAL unit with its header byte and
// without start code.
func ParseSPS(nalu []byte) (VideoInfo, error) {
	var s h264.SPS
	if err := s.Unmarshal(nalu); err != nil {
		return VideoInfo{}, fmt.Errorf("parse sequence parameter set: %w", err)
	}
	v := VideoInfo{
		Width:          s.Width(),
		Height:         s.Height(),
		FPS:            s.FPS(),
		ProfileLevelID: hex.EncodeToString(nalu[1:4]),
		Interlaced:     !s.FrameMbsOnlyFlag,
		Reordering:     reordering(&s),
		separatePlanes: s.SeparateColourPlaneFlag,
	}
	// Level 6.2 ends at 16,384 samples a side; beyond it the bits are no SPS.
	const maxSide = 1 << 14
	if v.Width < 1 || v.Height < 1 || v.Width > maxSide || v.Height > maxSide {
		return VideoInfo{}, fmt.Errorf("parse sequence parameter set: impossible size %dx%d", v.Width, v.Height)
	}
	// Both fields of the VUI's rate may be anything, zero included.
	if math.IsNaN(v.FPS) || v.FPS > 1000 || v.FPS < 0.01 {
		v.FPS = 0
	}
	if s.Log2MaxFrameNumMinus4 <= 12 {
		v.frameNumBits = int(s.Log2MaxFrameNumMinus4) + 4
	}
	return v, nil
}

func reordering(s *h264.SPS) bool {
	const baseline = 66 // has no B slices
	if s.ProfileIdc == baseline || s.PicOrderCntType == 2 {
		return false
	}
	return s.VUI == nil || s.VUI.BitstreamRestriction == nil || s.VUI.BitstreamRestriction.MaxNumReorderFrames > 0
}
