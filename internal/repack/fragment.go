package repack

import "bytes"

// maxLeads bounds the bytes of units kept until the first slice, and of one
// unit that is put together from fragments.
const maxLeads = 1 << 16

// unit is a NAL unit that arrives in fragments.
type unit struct {
	open    bool
	header  header
	kind    kind
	decided bool // of a slice: its beginning was read, and send is known
	send    bool
	zeros   int  // at the end of what has come so far
	bare    bool // a start code was the last thing that came; the header is next
	got     int  // bytes of that header
	headLen int
	head    [headSize]byte // the beginning of a slice in small fragments
	parts   []byte         // of a set or lead; kept to be used again
}

// fragment takes a fragment (RFC 6184, section 5.8; RFC 7798, section 4.4.3). The header is the first fragment's
// throughout: some cameras change it midway. A fragment that starts a unit ends
// the one before, a missing end bit notwithstanding; both bits in one fragment
// make a whole unit, and fragments may be empty.
func (r *Video) fragment(b []byte) {
	h, flags, data, ok := r.codec.fragment(b)
	if !ok {
		r.shared.dropped.Add(1)
		return
	}
	if flags&fuStart != 0 {
		r.endUnit()
		r.openUnit(h)
	} else if !r.unit.open {
		r.orphan(h)
		return
	}
	r.feed(data)
	if flags&fuEnd != 0 {
		r.endUnit()
	}
}

func (r *Video) openUnit(h header) {
	r.unit = unit{open: true, header: h, kind: r.classOf(h).kind, parts: r.unit.parts[:0]}
}

// feed adds to the open unit, looking for start codes also across fragments.
func (r *Video) feed(b []byte) {
	if len(b) == 0 {
		return
	}
	u := &r.unit
	if n := u.straddling(b); n > 0 {
		r.trimUnit()
		b = b[n:]
		r.nextUnit(&b)
	} else if u.bare {
		r.nextUnit(&b)
	}
	for {
		i := bytes.Index(b, startCode)
		if i < 0 {
			break
		}
		r.add(bytes.TrimRight(b[:i], "\x00"))
		r.trimUnit() // zeros that came in the fragment before
		b = b[i+len(startCode):]
		r.nextUnit(&b)
	}
	r.add(b)
	u.countZeros(b)
}

// nextUnit ends the open unit at a start code and opens the one after it.
func (r *Video) nextUnit(b *[]byte) {
	u := &r.unit
	if !u.bare {
		r.endUnit()
		*u = unit{open: true, bare: true, parts: u.parts[:0]}
	}
	n := copy(u.header[u.got:r.size], *b)
	u.got += n
	*b = (*b)[n:]
	if u.got == r.size {
		r.openUnit(u.header)
	}
}

// straddling returns how many bytes of b complete a start code that began in
// earlier fragments, 0 if none.
func (u *unit) straddling(b []byte) int {
	switch {
	case u.zeros >= 2 && b[0] == 1:
		return 1
	case u.zeros >= 1 && len(b) > 1 && b[0] == 0 && b[1] == 1:
		return 2
	}
	return 0
}

func (u *unit) countZeros(b []byte) {
	n := len(b) - len(bytes.TrimRight(b, "\x00"))
	if n == len(b) {
		n += u.zeros
	}
	u.zeros = n
}

// trimUnit takes back the zeros of a start code, as far as they are not sent.
func (r *Video) trimUnit() {
	u := &r.unit
	u.parts = bytes.TrimRight(u.parts, "\x00")
	for u.headLen > 0 && u.head[u.headLen-1] == 0 {
		u.headLen--
	}
	if u.kind == kindSlice && u.send {
		r.out.trimZeros()
	}
}

// add adds bytes without start codes to the open unit.
func (r *Video) add(b []byte) {
	u := &r.unit
	switch u.kind {
	case kindSlice:
		r.kept = true
		if !u.decided && !r.gather(&b) {
			return
		}
		if u.send {
			r.out.write(b)
		}
	case kindSet, kindLead:
		if len(u.parts)+len(b) > maxLeads {
			u.kind = kindDrop
			return
		}
		if len(u.parts) == 0 {
			u.parts = append(u.parts, u.header[:r.size]...)
		}
		u.parts = append(u.parts, b...)
	}
}

// gather waits until enough of a slice has come to read its header, and decides
// then whether it is sent. It reports whether that has been decided.
func (r *Video) gather(b *[]byte) bool {
	u := &r.unit
	if u.headLen == 0 && len(*b) >= headSize {
		r.decide(*b)
		return true
	}
	n := copy(u.head[u.headLen:], *b)
	u.headLen += n
	*b = (*b)[n:]
	if u.headLen < headSize {
		return false
	}
	r.decideGathered()
	return true
}

func (r *Video) decide(head []byte) {
	u := &r.unit
	u.decided = true
	u.send = r.beginSlice(u.header, head)
	if u.send {
		r.out.begin(u.header)
	}
}

func (r *Video) decideGathered() {
	u := &r.unit
	r.decide(u.head[:u.headLen])
	if u.send {
		r.out.write(u.head[:u.headLen])
	}
}

// endUnit completes the open unit, if there is one.
func (r *Video) endUnit() {
	u := &r.unit
	if !u.open {
		return
	}
	u.open, u.zeros = false, 0
	switch u.kind {
	case kindSlice:
		if !u.decided && u.headLen > 0 {
			r.decideGathered()
		}
		if u.send {
			r.out.end()
		}
	case kindSet:
		if len(u.parts) > r.size {
			r.set(u.parts)
		}
	case kindLead:
		if len(u.parts) > r.size {
			r.lead(u.parts)
		}
	case kindDrop:
		if !u.bare {
			r.shared.dropped.Add(1)
		}
	}
}
