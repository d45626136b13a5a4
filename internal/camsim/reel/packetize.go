package reel

// NAL unit types, ITU-T H.264 table 7-1 and RFC 6184 table 1.
const (
	typeIDR = 5
	typeSEI = 6
	typeSPS = 7
	typePPS = 8
	typeAUD = 9

	typeFiller = 12
	typeFUA    = 28
)

var (
	aud = []byte{typeAUD, 0xf0} // any slice type

	// sei is user_data_unregistered: 16 bytes of UUID and 9 of text.
	sei = append([]byte{typeSEI, 5, 25}, "rtsp2whip-camsim, nothing\x80"...)

	filler = append([]byte{typeFiller}, "\xff\xff\xff\xff\xff\xff\xff\xff\x80"...)
)

type packetizer struct {
	shape Shape
	h265  bool
}

// dress adds, changes and removes the NAL units of access unit i as the shape
// asks for.
func (p packetizer) dress(au [][]byte, i int) ([][]byte, error) {
	if p.h265 {
		return au, nil
	}
	var out [][]byte
	if p.shape.AUD {
		out = append(out, aud)
	}
	if p.shape.SEI {
		out = append(out, sei)
	}
	for _, nalu := range au {
		if p.shape.StripSets && isSet(nalu) {
			continue
		}
		nalus, err := p.change(nalu, i)
		if err != nil {
			return nil, err
		}
		out = append(out, nalus...)
	}
	if p.shape.Filler {
		out = append(out, filler)
	}
	return out, nil
}

// change makes one NAL unit of access unit i into what is sent for it.
func (p packetizer) change(nalu []byte, i int) ([][]byte, error) {
	kind := nalu[0] & 0x1f
	switch {
	case p.shape.TwoPPS && kind == typePPS:
		second, err := secondPPS(nalu)
		return [][]byte{nalu, second}, err
	case p.shape.TwoPPS && kind <= typeIDR && i%2 == 1:
		return [][]byte{referToSecond(nalu)}, nil
	case kind == typeIDR && len(nalu) < p.shape.PadIDR:
		return [][]byte{pad(nalu, p.shape.PadIDR)}, nil
	case kind <= typeIDR && len(nalu) < p.shape.PadAll: // of the clips to pad, none has several slices a picture
		return [][]byte{pad(nalu, p.shape.PadAll)}, nil
	}
	return [][]byte{nalu}, nil
}

// pad appends cabac_zero_words, each with its emulation prevention byte, which a
// decoder ignores (ITU-T H.264 section 7.3.2.10; CABAC only).
func pad(nalu []byte, size int) []byte {
	out := append(make([]byte, 0, size+2), nalu...)
	for len(out) < size {
		out = append(out, 0, 0, 3)
	}
	return out
}

func isSet(nalu []byte) bool {
	t := nalu[0] & 0x1f
	return t == typeSPS || t == typePPS
}

// packets sends every NAL unit by itself or, if it does not fit, in fragments:
// cameras do not aggregate.
func (p packetizer) packets(au [][]byte) []Packet {
	var out []Packet
	for _, nalu := range au {
		out = append(out, p.nalu(nalu)...)
		if last := &out[len(out)-1]; p.shape.MarkerOnSets && !p.h265 && nalu[0]&0x1f > 5 {
			last.Marker = true
		}
	}
	out[len(out)-1].Marker = !p.shape.NoMarker
	return out
}

func (p packetizer) nalu(nalu []byte) []Packet {
	room := p.shape.PacketSize - rtpHeader
	switch {
	case p.h265 && len(nalu) > room:
		return fragment(nalu, 2, room)
	case !p.h265 && (len(nalu) > room || p.shape.LoneFU):
		return fragment(nalu, 1, room)
	case p.shape.AnnexB && len(nalu)+4 <= room:
		return []Packet{{Payload: append([]byte{0, 0, 0, 1}, nalu...)}}
	}
	return []Packet{{Payload: nalu}}
}

// fragment cuts a NAL unit into FU-A (RFC 6184, section 5.8; its NAL unit header
// has one byte) or FU (RFC 7798, section 4.4.3; two bytes).
func fragment(nalu []byte, headerSize, room int) []Packet {
	header, body := nalu[:headerSize], nalu[headerSize:]
	indicator, kind := []byte{header[0]&0xe0 | typeFUA}, header[0]&0x1f
	if headerSize == 2 {
		indicator, kind = []byte{header[0]&0x81 | 49<<1, header[1]}, header[0]>>1&0x3f
	}
	const start, end = 0x80, 0x40
	var out []Packet
	flags := kind | start
	for len(body) > 0 {
		n := min(len(body), room-headerSize-1)
		if n == len(body) {
			flags |= end
		}
		b := make([]byte, 0, headerSize+1+n)
		b = append(append(append(b, indicator...), flags), body[:n]...)
		out = append(out, Packet{Payload: b})
		body, flags = body[n:], kind
	}
	return out
}
