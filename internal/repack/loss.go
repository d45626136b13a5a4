package repack

// What a loss costs. Within an access unit it costs the rest of that unit. If
// that was a reference picture, everything up to the next key frame may refer to
// it. Whole access units that are missing are found out by frame_num, which
// counts reference pictures (ITU-T H.264, section 7.4.3): if the next picture
// carries on from the last reference picture that was sent, nothing but
// non-reference pictures is missing.

// lose handles missing packets before the one in hand; same says whether that
// one has the timestamp of the access unit under way.
func (r *Video) lose(count int, same bool) {
	au := &r.au
	r.unit.open = false
	switch {
	case same && au.closed:
		return // nothing of the picture can be missing behind its last packet
	case au.started && !au.closed:
		r.damage()
	case same && !au.damaged:
		r.headLost = true
	}
	if !same {
		r.headLost, r.suspect = true, true
		r.missing += count
	}
}

// renumbered handles a new numbering: whether packets are missing shows only
// where it begins amid something.
func (r *Video) renumbered(count int, same bool) {
	au := &r.au
	amid := au.started && !au.closed && (same || r.marked && !r.lying)
	if r.unit.open || amid {
		r.lose(count, same)
	} else if !same {
		r.suspect = true
		r.missing += count
	}
}

// orphan handles a part of a NAL unit whose rest is missing.
func (r *Video) orphan(h header) {
	c := r.classOf(h)
	if c.kind != kindSlice {
		r.shared.dropped.Add(1)
		return
	}
	r.kept = true
	au := &r.au
	if au.closed || au.damaged || au.skipped {
		return
	}
	if !au.started {
		au.ref = c.ref
	}
	r.headLost = false
	r.damage()
}

// damage gives up the access unit under way: what is sent of it stays without
// marker, so that no receiver takes it for a picture.
func (r *Video) damage() {
	au := &r.au
	if au.damaged {
		return
	}
	au.damaged = true
	r.out.abandon()
	if !r.joined {
		return // came in the middle of a picture: not a loss
	}
	r.shared.damaged.Add(1)
	r.gop, r.keyLost = r.gop && !au.idr, r.keyLost || au.idr
	if au.ref {
		r.breakReferences()
	}
}

// intact says whether the picture that begins can be sent as far as losses
// before it are concerned, and finds out what they cost.
func (r *Video) intact(sh sliceHeader) bool {
	au := &r.au
	if r.headLost {
		r.headLost = false
		if !sh.ok || !sh.first {
			r.damage()
			return false
		}
	}
	if au.idr {
		r.broken, r.suspect, r.missing = false, false, 0
		return true
	}
	if r.suspect {
		if !r.follows(sh) {
			r.breakReferences()
		}
		r.suspect, r.missing = false, 0
	}
	return true
}

// follows says whether a picture is known to come right behind the last
// reference picture that was sent, non-reference pictures aside. Where so much
// is missing that frame_num may have wrapped, it is not known.
func (r *Video) follows(sh sliceHeader) bool {
	if !r.lastRefOK || !sh.frameNumOK {
		return false
	}
	wrap := 1 << sh.info.frameNumBits
	return r.missing < wrap && sh.frameNum == (r.lastRef+1)&uint32(wrap-1)
}

func (r *Video) breakReferences() {
	r.broken = true
	r.updateNeed()
}

// updateNeed makes known whether a key frame is needed.
func (r *Video) updateNeed() {
	r.shared.needKey.Store(!r.keyed || r.broken)
}
