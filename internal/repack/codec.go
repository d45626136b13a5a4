package repack

// header is the header of a NAL unit; H.264 uses the first byte alone.
type header [2]byte

func headerOf(u []byte) (h header) {
	copy(h[:], u)
	return h
}

// kind is what becomes of a NAL unit.
type kind int

const (
	kindDrop  kind = iota
	kindSlice      // part of the primary picture: sent as it comes
	kindSet        // a parameter set: kept, and sent before key frames
	kindSEI        // sent like a lead, or not at all
	kindLead       // goes before the first slice, or between slices where it came
)

// class is what a NAL unit's header says about it.
type class struct {
	kind        kind
	key         bool // of a picture at which a decoder can begin
	ref         bool // of a picture to which others may refer
	leading     bool // of one that refers to pictures before the last key frame
	partitioned bool // in several partitions
}

// form is how a packet carries NAL units.
type form int

const (
	formBad form = iota
	formSingle
	formAggregate
	formFragment
	formInterleaved // of a mode that WebRTC does not have
)

// codec is what H.264 and H.265 have not in common. It keeps the parameter sets
// of a stream.
type codec interface {
	name() string
	headerSize() int
	// form tells how a packet that begins with h is made.
	form(h header) form
	class(h header) class
	// fragment returns the header of a fragmented NAL unit, the flags fuStart and
	// fuEnd, and the data; ok is false if b is too short.
	fragment(b []byte) (h header, flags byte, data []byte, ok bool)
	// putFragment writes what fragment reads, to the beginning of b.
	putFragment(b []byte, h header, flags byte)
	// aggregate returns the header of a packet of the given NAL units.
	aggregate(list [][]byte) header

	// hint takes the parameter sets of the SDP; it reports whether anything
	// changed, like store.
	hint(nalus [][]byte) bool
	store(nalu []byte, trust int) bool
	demote()
	all() (list [][]byte, complete bool)
	newest() (sps, pps []byte, info *VideoInfo)
	// slice reads a slice's header; head is the NAL unit behind its header.
	slice(h header, head []byte) sliceHeader
}

// sliceHeader is the beginning of a slice header.
type sliceHeader struct {
	ok         bool // the fields down to typ were there
	first      bool // it begins its picture
	typ        sliceType
	info       *VideoInfo // of the parameter set it refers to; nil if that is unknown
	frameNum   uint32
	frameNumOK bool // H.264 only
}

// sliceType is as in H.264: P, B, I, SP or SI.
type sliceType uint32

const (
	sliceP sliceType = 0
	sliceB sliceType = 1
	sliceI sliceType = 2
)
