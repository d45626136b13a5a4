package whip

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

// Header extensions are offered, and sent if the answer takes them. A terminating
// LiveKit Ingress does not, and would pass on what it was sent with ids that clash
// with its own.
const (
	uriMID  = "urn:ietf:params:rtp-hdrext:sdes:mid" // RFC 9143
	uriTWCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

const (
	// rtxOffset is from a video payload type to that of its retransmissions.
	rtxOffset = 20
	// maxOneByteID and maxOneByteSize bound the one-byte form of RFC 8285.
	maxOneByteID   = 14
	maxOneByteSize = 16
	// osnSize is the original sequence number before an RTX payload (RFC 4588).
	osnSize = 2
)

// extras are what the answer takes for a track beside its codec.
type extras struct {
	mid     string
	midID   uint8 // 0 for none, as the others
	twccID  uint8
	rtxType uint8 // payload type of retransmissions
}

// extrasOf reads them out of the answer's media section.
func extrasOf(m *sdp.MediaDescription, codec offeredCodec) extras {
	var x extras
	x.mid, _ = m.Attribute("mid")
	for _, a := range m.Attributes {
		if a.Key != "extmap" {
			continue
		}
		f := strings.Fields(a.Value)
		if len(f) < 2 {
			continue
		}
		number, _, _ := strings.Cut(f[0], "/") // a direction may follow
		id, err := strconv.ParseUint(number, 10, 8)
		if err != nil || id == 0 || id > maxOneByteID {
			continue
		}
		switch f[1] {
		case uriMID:
			if x.mid != "" && len(x.mid) <= maxOneByteSize {
				x.midID = uint8(id)
			}
		case uriTWCC:
			x.twccID = uint8(id)
		}
	}
	for _, format := range m.MediaName.Formats {
		name, fmtp := formatOf(m, format)
		pt, err := strconv.ParseUint(format, 10, 7)
		if err == nil && strings.EqualFold(name, "rtx") && fmtpValue(fmtp, "apt") == strconv.Itoa(int(codec.payloadType)) {
			x.rtxType = uint8(pt)
		}
	}
	return x
}

// bytes is what the extensions add to each packet: the header of RFC 8285, one byte
// and a value for each, and padding to 32 bits.
func (x extras) bytes() int {
	n := 0
	if x.midID != 0 {
		n += 1 + len(x.mid)
	}
	if x.twccID != 0 {
		n += 1 + 2
	}
	if n == 0 {
		return 0
	}
	return 4 + (n+3)/4*4
}

// ExtensionBytes is the room that header extensions take in each packet, and an RTX
// header in those sent again, beyond the 12 bytes of the RTP header. Packets of
// 1,200 bytes in all are made with payloads that leave it.
func (s *Session) ExtensionBytes() int {
	most := 0
	for _, t := range s.tracks {
		n := t.chosen.extras.bytes()
		if t.usesRTX() {
			n += osnSize
		}
		most = max(most, n)
	}
	return most
}

// header is a track's RTP header with the extensions that were agreed on. All but a
// few bytes of it are the same in each packet.
type header struct {
	template []byte
	twcc     int             // where the transport-wide sequence number is; 0 without
	feedback *feedbackWindow // of the whole transport
}

// prepare makes the template.
func (e *header) prepare(x extras) {
	h := rtp.Header{Version: 2}
	if x.midID != 0 {
		_ = h.SetExtension(x.midID, []byte(x.mid)) // checked by extrasOf
		e.twcc += 1 + len(x.mid)
	}
	if x.twccID != 0 {
		_ = h.SetExtension(x.twccID, []byte{0, 0})
		e.twcc += rtpHeaderSize + 4 + 1
	} else {
		e.twcc = 0
	}
	e.template, _ = h.Marshal() // fails for no such header
}

// size of a packet with so many bytes of payload.
func (e *header) size(payload int) int { return len(e.template) + payload }

// put writes a header to b, which is a packet in all. Each call counts as sent.
func (e *header) put(b []byte, h fields) {
	copy(b, e.template)
	b[1] = h.payloadType
	if h.marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], h.seq)
	binary.BigEndian.PutUint32(b[4:], h.timestamp)
	binary.BigEndian.PutUint32(b[8:], h.ssrc)
	if e.twcc != 0 {
		binary.BigEndian.PutUint16(b[e.twcc:], e.feedback.sent(len(b)))
	}
}

// fields are what differs from packet to packet.
type fields struct {
	marker      bool
	payloadType uint8
	seq         uint16
	timestamp   uint32
	ssrc        uint32
}

func (t *localTrack) usesRTX() bool { return t.chosen.extras.rtxType != 0 && t.rtxSSRC != 0 }

// retransmit sends a kept packet again: on the stream of retransmissions where there
// is one (RFC 4588 section 4), else as it was. mu is held.
func (t *localTrack) retransmit(p packet) error {
	f := t.fields(p.seq, p.timestamp, p.marker)
	if !t.usesRTX() {
		return t.transmit(f, nil, p.payload)
	}
	f.ssrc, f.payloadType, f.seq = t.rtxSSRC, t.chosen.extras.rtxType, t.rtxNext
	t.rtxNext++
	return t.transmit(f, []byte{byte(p.seq >> 8), byte(p.seq)}, p.payload)
}

// transmit sends a packet of which nothing is kept: a prefix, and the payload.
func (t *localTrack) transmit(f fields, prefix, payload []byte) error {
	size := t.header.size(len(prefix) + len(payload))
	if cap(t.scratch) < size {
		t.scratch = make([]byte, size)
	}
	plain := t.scratch[:size]
	t.header.put(plain, f)
	n := t.header.size(copy(plain[t.header.size(0):], prefix))
	copy(plain[n:], payload)
	return t.send(plain)
}
