package repack

import "time"

// trustAfter is how many access units in a row must end with their marker
// before markers are believed again.
const trustAfter = 250

// accessUnit is the picture under way: what shares one timestamp.
type accessUnit struct {
	open    bool   // a packet with this timestamp has come
	in      uint32 // the camera's timestamp
	started bool   // a slice was accepted, and the outgoing timestamp set
	damaged bool   // the rest is not sent
	skipped bool   // not sent: waiting for a key frame
	closed  bool   // its last packet was sent, with the marker
	done    bool   // counted as complete
	ref     bool   // a reference picture (nal_ref_idc)
	idr     bool
	sets    bool // parameter sets were sent

	began      time.Time
	frameNum   uint32
	frameNumOK bool

	marked bool // the newest slice ended with a marker
	wrong  bool // a slice followed a marker
}

// beginSlice is called with the beginning of each slice. It opens the picture
// if this is its first one, and reports whether the slice is sent.
func (r *Video) beginSlice(h header, head []byte) bool {
	c := r.codec.class(h)
	sh := r.codec.slice(h, head)
	au := &r.au
	if au.closed {
		r.afterMarker(sh)
	}
	if au.marked {
		au.marked, au.wrong = false, true
	}
	if au.damaged || au.skipped {
		return false
	}
	if !au.started && !r.beginPicture(c, sh) {
		return false
	}
	if c.key && !au.sets {
		// A key frame that shares its timestamp with a picture before it.
		au.idr, au.ref = true, true
		au.frameNum, au.frameNumOK = sh.frameNum, sh.frameNumOK
		r.sendSets()
	}
	r.inspectSlice(c, sh)
	return true
}

// afterMarker handles a slice after the marker of its access unit: either the
// marker lied, or the timestamp does and this is another picture.
func (r *Video) afterMarker(sh sliceHeader) {
	if sh.ok && sh.first {
		in := r.au.in
		r.finish()
		r.au = accessUnit{open: true, in: in}
		return
	}
	// The receiver has taken half a picture for a whole one. Nothing can be
	// added to it.
	r.distrust()
	r.au.closed = false
	r.damage()
}

// beginPicture opens the access unit for sending. It returns false if it is not
// to be sent.
func (r *Video) beginPicture(c class, sh sliceHeader) bool {
	au := &r.au
	au.ref, au.idr = c.ref, c.key
	if c.key {
		r.cut = r.broken || r.suspect || !r.keyed
	}
	au.began = r.now
	au.frameNum, au.frameNumOK = sh.frameNum, sh.frameNumOK
	r.inspectPicture(sh)
	if !r.intact(sh) {
		return false
	}
	r.joined = true
	if r.spare(c, sh) {
		au.skipped = true
		r.shared.bFrames.Store(true)
		r.shared.droppedB.Add(1)
		return false
	}
	if (r.broken && r.keyed || c.leading && r.cut) && r.cfg.OnLoss == Freeze {
		au.skipped = true
		r.shared.skipped.Add(1)
		return false
	}
	au.started = true
	r.out.ts = r.line.next(au.in, r.now)
	if au.idr {
		r.sendSets()
	}
	r.sendLeads()
	return true
}

// sendSets sends the parameter sets, before a key frame's first slice.
func (r *Video) sendSets() {
	list, complete := r.codec.all()
	r.au.sets = true
	r.setProblem(problemNoSets, !complete)
	r.setProblem(problemBigSets, !r.out.aggregate(list))
	if !complete {
		r.au.idr = false // no receiver can start here
	}
}

// lead takes a unit that belongs before the slices that follow it.
func (r *Video) lead(u []byte) {
	r.inspectSEI(u)
	au := &r.au
	switch {
	case au.closed || au.damaged || au.skipped:
		r.shared.dropped.Add(1)
	case au.started:
		r.kept = true
		r.out.whole(u)
		r.out.keep() // u may be in a buffer of ours that is used again
	case len(u) >= 1<<16 || len(r.leads)+len(u) > maxLeads:
		r.shared.dropped.Add(1)
	default:
		r.leads = append(r.leads, byte(len(u)>>8), byte(len(u)))
		r.leads = append(r.leads, u...)
	}
}

func (r *Video) sendLeads() {
	for b := r.leads; len(b) > 0; {
		size := int(b[0])<<8 | int(b[1])
		r.out.whole(b[2 : 2+size])
		b = b[2+size:]
	}
	r.out.keep()
	r.leads = r.leads[:0]
}

// marker handles the marker of a packet, after its payload. Only one behind a
// slice is believed: on parameter sets and on what is dropped, markers say
// nothing about the picture.
func (r *Video) marker() {
	if !r.kept {
		return
	}
	if r.unit.open {
		r.distrust() // amid a NAL unit
		return
	}
	au := &r.au
	au.marked, r.marked = true, true
	if r.lying {
		return
	}
	au.closed = true
	if au.started && !au.damaged {
		r.out.flush(true)
		r.complete()
	}
}

// distrust stops believing markers: from now on the last packet of each access
// unit is held back until the next timestamp.
func (r *Video) distrust() {
	r.lying, r.honest = true, 0
}

// finish ends the access unit under way, since another one begins.
func (r *Video) finish() {
	au := &r.au
	if au.started && !au.damaged {
		if !au.closed {
			r.out.flush(true)
		}
		r.complete()
	}
	r.out.abandon()
	r.leads = r.leads[:0]
	if !r.lying || !au.started || au.damaged {
		return
	}
	if !au.marked || au.wrong {
		r.honest = 0
	} else if r.honest++; r.honest >= trustAfter {
		r.lying = false
	}
}

// complete accounts for an access unit that was sent in full.
func (r *Video) complete() {
	au := &r.au
	if au.done {
		return
	}
	au.done = true
	r.shared.units.Add(1)
	if au.ref {
		r.lastRef, r.lastRefOK = au.frameNum, au.frameNumOK
	}
	if !au.idr {
		return
	}
	r.keyed = true
	r.updateNeed()
	r.setProblem(problemLongGOP, !r.since.IsZero() && !r.keyLost && au.began.Sub(r.since) > keyFramePatience)
	r.setProblem(problemNoKeyFrame|problemRefresh, false)
	var interval time.Duration
	if r.gop {
		interval = au.began.Sub(r.since)
	}
	r.since, r.gop, r.keyLost = au.began, true, false
	r.publishKeyFrame(au.began, interval)
}

// inspectSlice looks for what receivers cannot show.
func (r *Video) inspectSlice(c class, sh sliceHeader) {
	if c.partitioned {
		r.setProblem(problemPartitioned, true)
	}
	if r.reorders(c, sh) {
		r.foundBFrames()
	}
}

// inspectPicture looks at the picture that begins: how long ago the last key
// frame was, and, if its slices cannot be read, whether timestamps go back as they
// do with B-frames.
func (r *Video) inspectPicture(sh sliceHeader) {
	if r.since.IsZero() {
		r.since, r.lastTS = r.now, r.au.in
	}
	if !r.au.idr && !r.keyLost && r.now.Sub(r.since) > keyFramePatience {
		r.setProblem(problemNoKeyFrame, !r.refreshes)
		r.setProblem(problemRefresh, r.refreshes)
	}
	if sh.ok {
		// Slices tell for sure; clocks may go back for other reasons.
		if r.seen < judgeAfter {
			r.seen++
			r.updateJudged()
		}
		return
	}
	back := int64(int32(r.lastTS - r.au.in))
	r.lastTS = r.au.in
	if back <= 0 || back > r.line.ticks(reorderWindow) || !r.reordering() {
		return
	}
	// Once may be a clock that was set; B-frames do it with every group.
	const proof = 3
	if r.backSteps++; r.backSteps >= proof {
		r.foundBFrames()
	}
}
