package repack

// B-frames are shown before pictures that are sent before them. WebRTC receivers
// show every picture as it comes, so that B-frames make the motion jump.

// judgeAfter is how many pictures tell whether there are B-frames: an encoder
// that uses them has one among any three pictures, in decoding order.
const judgeAfter = 5

// reorders reports whether the slice is a B slice of a picture that is shown out
// of order. B slices that refer to earlier pictures alone do no harm; only the
// parameter sets tell.
func (r *H264) reorders(header byte, sh sliceHeader) bool {
	const sliceB = 1
	if !sh.ok || sh.typ != sliceB || header&typeMask == nalIDR {
		return false
	}
	if info := sh.info; info != nil {
		return info.Reordering
	}
	last := &r.sets.lastInfo
	return last.ProfileLevelID == "" || last.Reordering
}

// spare reports whether the picture that begins with this slice is a B picture
// to be left out. With nal_ref_idc 0 nothing refers to it, and it takes no
// frame_num of its own, so that no gap shows (ITU-T H.264, section 7.4.3).
func (r *H264) spare(header byte, sh sliceHeader) bool {
	return r.cfg.DropBFrames && header&refMask == 0 && r.reorders(header, sh)
}

// foundBFrames notes that B-frames are sent on.
func (r *H264) foundBFrames() {
	r.shared.bFrames.Store(true)
	if r.cfg.DropBFrames {
		r.setProblem(problemBReferences, true)
	} else {
		r.setProblem(problemBFrames, true)
	}
}

// updateJudged makes known whether enough was seen to tell about B-frames.
func (r *H264) updateJudged() {
	info := &r.sets.lastInfo
	known := info.ProfileLevelID != "" && !info.Reordering
	r.shared.judged.Store(known || r.seen >= judgeAfter)
}

// BFrames is Stats().BFrames alone: cheap enough to ask for every packet.
func (r *H264) BFrames() bool { return r.shared.bFrames.Load() }

// Judged reports whether enough of the camera's session was seen to tell whether
// it sends B-frames. It may be called from any goroutine.
func (r *H264) Judged() bool { return r.shared.judged.Load() }
