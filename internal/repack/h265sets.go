package repack

import (
	"bytes"
	"fmt"
	"math"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// hevcSets keeps the newest parameter sets of every id.
type hevcSets struct {
	vps   [16]paramSet
	sps   [16]paramSet
	pps   [64]paramSet
	info  [16]VideoInfo
	owner [64]uint8 // the SPS that a PPS refers to
	used  [64]bool  // a slice has named this PPS
	// extraBits is how many bits of a slice header stand before its type.
	extraBits [64]int
	// An in-band set displaces the hints of its kind, except those in use.
	vpsInBand, spsInBand, ppsInBand bool

	lastSPS, lastPPS []byte
	lastInfo         VideoInfo
	subLayers        byte // of the newest SPS; 0 if unknown
	list             [][]byte
}

// hint keeps the sets of the SDP, in place of those hinted at before.
func (s *hevc) hint(nalus [][]byte) bool {
	var kinds [3]bool
	eachSet(s, nalus, func(u []byte) { kinds[hevcType(headerOf(u))-hevcVPS] = true })
	for i, sets := range [][]paramSet{s.vps[:], s.sps[:], s.pps[:]} {
		if kinds[i] {
			dropHints(sets)
		}
	}
	changed := false
	eachSet(s, nalus, func(u []byte) { changed = s.store(u, hinted) || changed })
	return changed
}

// store keeps a set. It reports whether anything changed.
func (s *hevcSets) store(nalu []byte, trust int) bool {
	nalu = bytes.TrimRight(nalu, "\x00") // never part of a NAL unit (section 7.4.2.1)
	if len(nalu) < 3 || len(nalu) > maxSetSize {
		return false
	}
	switch hevcType(headerOf(nalu)) {
	case hevcVPS:
		id := nalu[2] >> 4
		if s.vps[id].trust > trust {
			return false
		}
		s.vpsInBand = s.vpsInBand || trust == inBand
		return s.vps[id].replace(nalu, trust)
	case hevcSPS:
		return s.storeSPS(nalu, trust)
	default:
		return s.storePPS(nalu, trust)
	}
}

func (s *hevcSets) storeSPS(nalu []byte, trust int) bool {
	if bytes.Equal(s.lastSPS, nalu) { // the usual case, without parsing
		for i := range s.sps {
			if p := &s.sps[i]; p.trust > absent && bytes.Equal(p.nalu, nalu) {
				p.trust = max(p.trust, trust)
				s.spsInBand = s.spsInBand || trust == inBand
				return false
			}
		}
	}
	// The id stands behind what varies in size. A set that cannot be read is
	// passed on all the same; nearly all cameras have but one, of id 0.
	id, info, layers := parseSPS265(nalu)
	if s.sps[id].trust > trust {
		return false
	}
	s.spsInBand = s.spsInBand || trust == inBand
	s.sps[id].replace(nalu, trust)
	s.info[id], s.lastInfo, s.subLayers = info, info, layers
	s.lastSPS = s.sps[id].nalu
	return true
}

func (s *hevcSets) storePPS(nalu []byte, trust int) bool {
	r := newBitReader(nalu[2:])
	id, owner := r.ue(), r.ue()
	r.u(2) // dependent_slice_segments_enabled_flag, output_flag_present_flag
	extra := r.u(3)
	if r.bad || id >= uint32(len(s.pps)) || owner >= uint32(len(s.sps)) || s.pps[id].trust > trust {
		return false
	}
	s.ppsInBand = s.ppsInBand || trust == inBand
	if !s.pps[id].replace(nalu, trust) && bytes.Equal(s.lastPPS, nalu) {
		return false
	}
	s.owner[id], s.extraBits[id] = uint8(owner), int(extra)
	s.lastPPS = s.pps[id].nalu
	return true
}

// demote turns everything known into hints, as for H.264.
func (s *hevcSets) demote() {
	s.vpsInBand, s.spsInBand, s.ppsInBand = false, false, false
	clear(s.used[:])
	for _, sets := range [][]paramSet{s.vps[:], s.sps[:], s.pps[:]} {
		for i := range sets {
			sets[i].trust = min(sets[i].trust, hinted)
		}
	}
}

// all returns the sets that belong before a key frame, in the order in which they
// refer to each other. The slice is valid until the next call. complete is false
// if one of the kinds is missing.
func (s *hevcSets) all() (list [][]byte, complete bool) {
	var wanted [16]bool
	s.list = s.list[:0]
	for i := range s.vps {
		if p := &s.vps[i]; p.trust == inBand || p.trust == hinted && !s.vpsInBand {
			s.list = append(s.list, p.nalu)
		}
	}
	vps := len(s.list)
	wantPPS := func(i int) bool {
		p := &s.pps[i]
		return p.trust == inBand || p.trust == hinted && (!s.ppsInBand || s.used[i])
	}
	for i := range s.pps {
		if wantPPS(i) {
			wanted[s.owner[i]] = true
		}
	}
	for i := range s.sps {
		if p := &s.sps[i]; p.trust == inBand || p.trust == hinted && (!s.spsInBand || wanted[i]) {
			s.list = append(s.list, p.nalu)
		}
	}
	sps := len(s.list)
	for i := range s.pps {
		if wantPPS(i) {
			s.list = append(s.list, s.pps[i].nalu)
		}
	}
	return s.list, vps > 0 && sps > vps && len(s.list) > sps
}

func (s *hevcSets) newest() (sps, pps []byte, info *VideoInfo) {
	return s.lastSPS, s.lastPPS, &s.lastInfo
}

// parseSPS265 reads what ParseSPS reads, and the number of sub-layers. What
// cannot be read is zero.
func parseSPS265(nalu []byte) (id uint8, v VideoInfo, subLayers byte) {
	var s h265.SPS
	if err := s.Unmarshal(nalu); err != nil || s.ID > 15 {
		return 0, VideoInfo{}, 0
	}
	p := &s.ProfileTierLevel
	tier := 0
	if p.GeneralTierFlag != 0 {
		tier = 1
	}
	v = VideoInfo{
		Width: s.Width(), Height: s.Height(), FPS: s.FPS(),
		ProfileLevelID: fmt.Sprintf("%02x%02x%02x", p.GeneralProfileIdc, tier, p.GeneralLevelIdc),
		Interlaced:     p.GeneralInterlacedSourceFlag && !p.GeneralProgressiveSourceFlag,
	}
	if n := len(s.MaxNumReorderPics); n > 0 {
		v.Reordering = s.MaxNumReorderPics[n-1] > 0
	}
	const maxSide = 1 << 14
	if v.Width < 1 || v.Height < 1 || v.Width > maxSide || v.Height > maxSide {
		return s.ID, VideoInfo{}, 0
	}
	if math.IsNaN(v.FPS) || v.FPS > 1000 || v.FPS < 0.01 {
		v.FPS = 0
	}
	return s.ID, v, s.MaxSubLayersMinus1 + 1
}
