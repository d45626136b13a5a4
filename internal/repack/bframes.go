package repack

// B-frames are shown before pictures that are sent before them. WebRTC receivers
// show every picture as it comes, so that B-frames make the motion jump.

// judgeAfter is how many pictures tell whether there are B-frames: an encoder
// that uses them has one among any three pictures, in decoding order.
const judgeAfter = 5

// reorders reports whether the slice is a B slice of a picture that is shown out
// of order. B slices that refer to earlier pictures alone do no harm; only the
// parameter sets tell.
func (r *Video) reorders(c class, sh sliceHeader) bool {
	if !sh.ok || sh.typ != sliceB || c.key {
		return false
	}
	if info := sh.info; info != nil {
		return info.Reordering
	}
	return r.mayReorder()
}

// reordering is true if the newest parameter set allows reordering.
func (r *Video) reordering() bool {
	_, _, info := r.codec.newest()
	return info.Reordering
}

// mayReorder is false only if the newest parameter set rules reordering out.
func (r *Video) mayReorder() bool {
	_, _, info := r.codec.newest()
	return info.ProfileLevelID == "" || info.Reordering
}

// spare reports whether the picture that begins with this slice is a B picture
// to be left out. Nothing refers to it, and in H.264 it takes no frame_num of its
// own, so that no gap shows (ITU-T H.264, section 7.4.3).
func (r *Video) spare(c class, sh sliceHeader) bool {
	return r.cfg.DropBFrames && !c.ref && r.reorders(c, sh)
}

// foundBFrames notes that B-frames are sent on.
func (r *Video) foundBFrames() {
	r.shared.bFrames.Store(true)
	if r.cfg.DropBFrames {
		r.setProblem(problemBReferences, true)
	} else {
		r.setProblem(problemBFrames, true)
	}
}

// updateJudged makes known whether enough was seen to tell about B-frames.
func (r *Video) updateJudged() {
	r.shared.judged.Store(!r.mayReorder() || r.seen >= judgeAfter)
}

// BFrames is Stats().BFrames alone: cheap enough to ask for every packet.
func (r *Video) BFrames() bool { return r.shared.bFrames.Load() }

// Judged reports whether enough of the camera's session was seen to tell whether
// it sends B-frames. It may be called from any goroutine.
func (r *Video) Judged() bool { return r.shared.judged.Load() }

// BFramesSentence is the problem of a camera that sends B-frames.
func (r *Video) BFramesSentence() string { return problemBFrames.sentence(r.codec.name()) }
