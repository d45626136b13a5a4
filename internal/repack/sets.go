package repack

import "bytes"

// How much a parameter set is to be believed.
const (
	absent = iota
	hinted // from the SDP, or from an earlier session of the camera
	inBand
)

// maxSetSize bounds what is stored for one id. A set with every scaling list
// and HRD of the standard is far below it.
const maxSetSize = 4096

type paramSet struct {
	nalu  []byte // never changed once stored
	trust int
}

// paramSets keeps the newest parameter sets of every id.
type paramSets struct {
	sps   [32]paramSet
	info  [32]VideoInfo
	pps   [256]paramSet
	owner [256]uint8 // the SPS that a PPS refers to
	used  [256]bool  // a slice has named this PPS
	// An in-band set displaces the hints of its kind, except those in use.
	spsInBand, ppsInBand bool

	lastSPS, lastPPS []byte
	lastInfo         VideoInfo // of lastSPS; zero if it cannot be read
	list             [][]byte  // reused by all
}

// store keeps a set. It reports whether anything changed.
func (s *paramSets) store(nalu []byte, trust int) bool {
	nalu = bytes.TrimRight(nalu, "\x00") // never part of a NAL unit (section 7.4.1)
	if len(nalu) < 2 || len(nalu) > maxSetSize {
		return false
	}
	if nalu[0]&typeMask == nalSPS {
		return s.storeSPS(nalu, trust)
	}
	return s.storePPS(nalu, trust)
}

func (s *paramSets) storeSPS(nalu []byte, trust int) bool {
	if len(nalu) < 5 {
		return false
	}
	r := newBitReader(nalu[4:]) // behind profile, constraints and level
	id := r.ue()
	if r.bad || id >= uint32(len(s.sps)) || s.sps[id].trust > trust {
		return false
	}
	s.spsInBand = s.spsInBand || trust == inBand
	changed := s.sps[id].replace(nalu, trust)
	if !changed && bytes.Equal(s.lastSPS, nalu) {
		return false
	}
	// A set that cannot be read is passed on all the same: the receiver may
	// know better. Then its slices' frame numbers are not read either.
	if changed {
		s.info[id], _ = ParseSPS(nalu)
	}
	s.lastSPS, s.lastInfo = s.sps[id].nalu, s.info[id]
	return true
}

func (s *paramSets) storePPS(nalu []byte, trust int) bool {
	r := newBitReader(nalu[1:])
	id, owner := r.ue(), r.ue()
	if r.bad || id >= uint32(len(s.pps)) || owner >= uint32(len(s.sps)) || s.pps[id].trust > trust {
		return false
	}
	s.ppsInBand = s.ppsInBand || trust == inBand
	if !s.pps[id].replace(nalu, trust) && bytes.Equal(s.lastPPS, nalu) {
		return false
	}
	s.owner[id] = uint8(owner)
	s.lastPPS = s.pps[id].nalu
	return true
}

func (p *paramSet) replace(nalu []byte, trust int) bool {
	p.trust = trust
	if bytes.Equal(p.nalu, nalu) {
		return false
	}
	p.nalu = bytes.Clone(nalu)
	return true
}

// demote turns everything known into hints: a new session of the camera may
// have other sets, and then these are of no use.
func (s *paramSets) demote() {
	s.spsInBand, s.ppsInBand = false, false
	clear(s.used[:])
	for i := range s.sps {
		s.sps[i].trust = min(s.sps[i].trust, hinted)
	}
	for i := range s.pps {
		s.pps[i].trust = min(s.pps[i].trust, hinted)
	}
}

// dropHints forgets the hints of one kind, for newer ones.
func dropHints(sets []paramSet) {
	for i := range sets {
		if sets[i].trust == hinted {
			sets[i] = paramSet{}
		}
	}
}

// all returns the sets that belong before an IDR picture, SPS first. The slice
// is valid until the next call. complete is false if one of the kinds is
// missing.
func (s *paramSets) all() (list [][]byte, complete bool) {
	var ppsWanted [256]bool
	var spsWanted [32]bool
	var pps, sps bool
	for i := range s.pps {
		p := &s.pps[i]
		if p.trust == inBand || p.trust == hinted && (!s.ppsInBand || s.used[i]) {
			ppsWanted[i], spsWanted[s.owner[i]], pps = true, true, true
		}
	}
	s.list = s.list[:0]
	for i := range s.sps {
		p := &s.sps[i]
		if p.trust == inBand || p.trust == hinted && (!s.spsInBand || spsWanted[i]) {
			s.list, sps = append(s.list, p.nalu), true
		}
	}
	for i := range s.pps {
		if ppsWanted[i] {
			s.list = append(s.list, s.pps[i].nalu)
		}
	}
	return s.list, sps && pps
}

// slice reads the beginning of a slice header (section 7.3.3).
func (s *paramSets) slice(unit header, head []byte) sliceHeader {
	if t := unit[0] & typeMask; t != nalSlice && t != nalDataA && t != nalIDR {
		return sliceHeader{}
	}
	r := newBitReader(head)
	h := sliceHeader{first: r.ue() == 0}
	typ, pps := r.ue(), r.ue()
	if r.bad || typ > 9 || pps >= uint32(len(s.pps)) {
		return h
	}
	h.ok, h.typ = true, sliceType(typ%5)
	s.used[pps] = true
	if s.pps[pps].trust == absent {
		return h
	}
	info := &s.info[s.owner[pps]]
	if info.frameNumBits == 0 {
		return h
	}
	h.info = info
	if info.separatePlanes {
		r.u(2)
	}
	h.frameNum = r.u(info.frameNumBits)
	h.frameNumOK = !r.bad
	return h
}

// newest returns the sets that changed last.
func (s *paramSets) newest() (sps, pps []byte, info *VideoInfo) {
	return s.lastSPS, s.lastPPS, &s.lastInfo
}

// hint keeps the sets of the SDP, in place of those hinted at before.
func (a *avc) hint(nalus [][]byte) bool {
	var kinds [nalPPS + 1]bool
	eachSet(a, nalus, func(nalu []byte) { kinds[nalu[0]&typeMask] = true })
	if kinds[nalSPS] {
		dropHints(a.sps[:])
	}
	if kinds[nalPPS] {
		dropHints(a.pps[:])
	}
	changed := false
	eachSet(a, nalus, func(nalu []byte) { changed = a.store(nalu, hinted) || changed })
	return changed
}
