package whip

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
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

// registerExtras has the offer name them.
func registerExtras(media *webrtc.MediaEngine, t offeredTrack) error {
	for _, uri := range []string{uriMID, uriTWCC} {
		c := webrtc.RTPHeaderExtensionCapability{URI: uri}
		if err := media.RegisterHeaderExtension(c, rtpKind(t.kind), webrtc.RTPTransceiverDirectionSendonly); err != nil {
			return err
		}
	}
	if t.kind != Video {
		return nil
	}
	for _, c := range t.codecs {
		err := media.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: uint32(c.ClockRate), //nolint:gosec // from a table
				SDPFmtpLine: "apt=" + strconv.Itoa(int(c.payloadType)),
			},
			PayloadType: webrtc.PayloadType(c.payloadType + rtxOffset),
		}, webrtc.RTPCodecTypeVideo)
		if err != nil {
			return err
		}
	}
	return nil
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

// extended sends packets with header extensions. Its values are shared by all
// packets of a track, which is why one is sent at a time.
type extended struct {
	feedback *feedbackWindow // of the whole transport

	mu     sync.Mutex
	values []rtp.Extension
	seq    [2]byte // the transport-wide sequence number among the values
}

func (e *extended) prepare(x extras) {
	var h rtp.Header
	if x.midID != 0 {
		_ = h.SetExtension(x.midID, []byte(x.mid)) // checked by extrasOf
	}
	if x.twccID != 0 {
		_ = h.SetExtension(x.twccID, e.seq[:])
	}
	e.values = h.Extensions
}

// transmit hands a packet to the library, with the extensions that were agreed on.
// The header is left as it was.
func (t *localTrack) transmit(h *rtp.Header, payload []byte) error {
	e := &t.extended
	if len(e.values) == 0 {
		_, err := t.writer.WriteRTP(h, payload)
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.chosen.extras.twccID != 0 {
		size := rtpHeaderSize + t.chosen.extras.bytes() + len(payload)
		binary.BigEndian.PutUint16(e.seq[:], e.feedback.sent(size))
	}
	h.Extension, h.ExtensionProfile, h.Extensions = true, rtp.ExtensionProfileOneByte, e.values
	_, err := t.writer.WriteRTP(h, payload)
	h.Extension, h.ExtensionProfile, h.Extensions = false, 0, nil
	return err
}

func (t *localTrack) usesRTX() bool { return t.chosen.extras.rtxType != 0 && t.rtxSSRC != 0 }

// rtxLine numbers the packets of a track's retransmission stream.
type rtxLine struct {
	mu   sync.Mutex
	next uint16
}

func newRTXLine() rtxLine { return rtxLine{next: uint16(rand.Uint32())} } //nolint:gosec // where it begins is no secret

// retransmit sends a kept packet again: on the stream of retransmissions where there
// is one (RFC 4588 section 4), else as it was.
func (t *localTrack) retransmit(h *rtp.Header, payload []byte) error {
	if !t.usesRTX() {
		return t.transmit(h, payload)
	}
	again := *h
	again.SSRC, again.PayloadType = t.rtxSSRC, t.chosen.extras.rtxType
	body := make([]byte, osnSize+len(payload)) // rare enough
	binary.BigEndian.PutUint16(body, h.SequenceNumber)
	copy(body[osnSize:], payload)
	t.rtx.mu.Lock()
	defer t.rtx.mu.Unlock()
	again.SequenceNumber = t.rtx.next
	t.rtx.next++
	return t.transmit(&again, body)
}
