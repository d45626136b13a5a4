package main

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// The stream is 1080p at 25 pictures and 4 Mb/s with a key frame every 2 s. Its
// parameter sets and slice headers are those of a clip, since programs read
// them; what follows in a slice is noise, since nobody decodes it.
const (
	fps         = 25
	gop         = 50
	bytesPerGOP = 1_000_000 // 4 Mb/s
	idrBytes    = 130_000
	clip        = "1080p-high"
)

// headerBytes of a slice are the clip's. What is counted there, frame_num and
// the like, has to be right, or loss would be seen.
const headerBytes = 16

// stream is one GOP, the same for all cameras.
type stream struct {
	sps, pps []byte
	frames   [gop][][]byte // NAL units
}

// newStream makes the same stream each time.
func newStream(slices int) (*stream, error) {
	v, err := testdata.Clip(clip)
	if err != nil {
		return nil, err
	}
	s := &stream{sps: v.ParameterSets[0], pps: v.ParameterSets[1]}
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // noise
	for i := range s.frames {
		size := idrBytes
		if i > 0 {
			mean := (bytesPerGOP - idrBytes) / (gop - 1)
			size = mean*6/10 + rnd.IntN(mean*8/10)
		} else {
			s.frames[i] = append(s.frames[i], s.sps, s.pps)
		}
		picture := v.AccessUnits[i][len(v.AccessUnits[i])-1]
		for n := range slices {
			s.frames[i] = append(s.frames[i], slice(picture[:headerBytes], n, slices, size/slices, rnd))
		}
	}
	return s, nil
}

// macroblocks of a 1080p picture, 120 by 68.
const macroblocks = 8160

// slice makes slice n of a picture. Its first_mb_in_slice is put before the rest
// of the first slice's header, which begins with a 0 in one bit.
func slice(header []byte, n, of, size int, rnd *rand.Rand) []byte {
	out := append(make([]byte, 0, size), header...)
	if n > 0 {
		var b bitWriter
		b.exp(n * macroblocks / of)
		for i := 1; i < (headerBytes-1)*8; i++ {
			b.put(header[1+i/8] >> (7 - i%8) & 1)
		}
		out = append(out[:1], b.out...)
	}
	for len(out) < size {
		out = append(out, byte(4+rnd.IntN(252))) // no start codes, no emulation prevention
	}
	return out
}

type bitWriter struct {
	out []byte
	n   int
}

func (b *bitWriter) put(bit byte) {
	if b.n%8 == 0 {
		b.out = append(b.out, 0)
	}
	b.out[b.n/8] |= bit << (7 - b.n%8)
	b.n++
}

// exp writes ue(v) (ITU-T H.264 section 9.1).
func (b *bitWriter) exp(v int) {
	bits := 0
	for (v+1)>>bits > 1 {
		bits++
	}
	for range bits {
		b.put(0)
	}
	for i := bits; i >= 0; i-- {
		b.put(byte((v + 1) >> i & 1))
	}
}

// A stamp in the first slice of each picture tells the receiver which one it is
// and when it was sent, whatever has happened to timestamps and packets on the
// way. All its bytes have the top bit set, so that they need no emulation
// prevention: seven bits of data each.
const (
	stampAt    = 32 // in the NAL unit
	stampBytes = 4 + 9
)

// putStamp writes the picture's number and the time into the bytes of a slice.
func putStamp(b []byte, picture uint32, at time.Time) {
	put7(b[:4], uint64(picture))
	put7(b[4:stampBytes], uint64(at.UnixNano())) //nolint:gosec // after 1970
}

func put7(b []byte, v uint64) {
	for i := range b {
		b[i] = 0x80 | byte(v>>(7*i))&0x7f
	}
}

func get7(b []byte) uint64 {
	var v uint64
	for i, x := range b {
		v |= uint64(x&0x7f) << (7 * i)
	}
	return v
}

// stamp reads what putStamp wrote out of an RTP payload, if that holds the
// beginning of a picture.
func stamp(payload []byte) (picture uint32, at time.Time, ok bool) {
	if len(payload) < 2 {
		return 0, time.Time{}, false
	}
	nal, skip := payload[0]&0x1f, 0
	if nal == 28 { // FU-A, RFC 6184 section 5.8
		if payload[1]&0x80 == 0 {
			return 0, time.Time{}, false
		}
		nal, skip = payload[1]&0x1f, 1
	}
	from := skip + stampAt
	if (nal != 1 && nal != 5) || len(payload) < from+stampBytes || payload[skip+1]&0x80 == 0 {
		return 0, time.Time{}, false // not a slice, or not a picture's first
	}
	return uint32(get7(payload[from : from+4])), time.Unix(0, int64(get7(payload[from+4:from+stampBytes]))), true //nolint:gosec // as put
}

// fragments cuts a NAL unit as cameras do: into FU-A of 1,400 bytes.
func fragments(nalu []byte) [][]byte {
	const room = 1400 - 12
	if len(nalu) <= room {
		return [][]byte{nalu}
	}
	var out [][]byte
	flags := nalu[0]&0x1f | 0x80
	for body := nalu[1:]; len(body) > 0; flags = nalu[0] & 0x1f {
		n := min(len(body), room-2)
		if n == len(body) {
			flags |= 0x40
		}
		out = append(out, append([]byte{nalu[0]&0xe0 | 28, flags}, body[:n]...))
		body = body[n:]
	}
	return out
}

// rtpSequence reads the sequence number of an RTP packet, encrypted or not.
func rtpSequence(b []byte) uint16 { return binary.BigEndian.Uint16(b[2:]) }
