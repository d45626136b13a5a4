package whip

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
)

// The stream is the camera's: what a server allows can be told, not obeyed. TMMBR is
// therefore not offered (RFC 8834 section 5.1.6 would have it obeyed), but answered
// if it comes; REMB, which is advice only, is offered.

const (
	fmtTMMBR = 3 // of transport layer feedback, RFC 5104 section 4.2.1
	fmtTMMBN = 4
	tmmbItem = 8 // bytes of an entry
)

// allowed is the most that the answer's b= lines let a track send, in bits a second;
// 0 if there is none. AS counts kilobits, IP headers included (RFC 8866 section 5.8),
// TIAS bits without (RFC 3890); the difference is not worth telling.
func allowed(desc *sdp.SessionDescription, m *sdp.MediaDescription) int {
	least := 0
	for _, list := range [][]sdp.Bandwidth{desc.Bandwidth, m.Bandwidth} {
		for _, b := range list {
			rate := b.Bandwidth
			switch {
			case b.Experimental:
				continue
			case b.Type == "AS" && rate <= math.MaxInt32:
				rate *= 1000
			case b.Type != "TIAS":
				continue
			}
			// 0 would be a track that is not wanted, for which there are other words.
			if rate > 0 && rate <= math.MaxInt && (least == 0 || int(rate) < least) {
				least = int(rate)
			}
		}
	}
	return least
}

// tmmbEntry is one entry of TMMBR or TMMBN (RFC 5104 section 4.2.1.1).
type tmmbEntry struct {
	ssrc     uint32 // TMMBR: whose rate is meant; TMMBN: who asked
	rate     int    // bits a second
	overhead uint16 // bytes a packet
}

// tmmb is a TMMBR or a TMMBN.
type tmmb struct {
	sender  uint32
	format  uint8
	entries []tmmbEntry
}

// maxTMMB bounds what is read: a request names the streams of a session.
const maxTMMB = 32

// parseTMMBR reads a request out of a packet that the RTCP library has no type for.
func parseTMMBR(raw []byte) (tmmb, error) {
	var h rtcp.Header
	if err := h.Unmarshal(raw); err != nil {
		return tmmb{}, err
	}
	if h.Type != rtcp.TypeTransportSpecificFeedback || h.Count != fmtTMMBR {
		return tmmb{}, errors.New("not a TMMBR")
	}
	const fixed = 12 // header, sender, media source
	items := len(raw) - fixed
	if items < 0 || items%tmmbItem != 0 || items/tmmbItem > maxTMMB || len(raw) != 4*(int(h.Length)+1) {
		return tmmb{}, errors.New("a TMMBR of the wrong length")
	}
	t := tmmb{sender: binary.BigEndian.Uint32(raw[4:]), format: h.Count}
	for at := fixed; at < len(raw); at += tmmbItem {
		word := binary.BigEndian.Uint32(raw[at+4:])
		exponent, mantissa := word>>26, uint64(word>>9&0x1ffff)
		rate := math.MaxInt
		// 17 bits more stay within 63, which may be more than an int has.
		if all := mantissa << exponent; exponent < 46 && all <= math.MaxInt {
			rate = int(all)
		}
		t.entries = append(t.entries, tmmbEntry{
			ssrc: binary.BigEndian.Uint32(raw[at:]), rate: rate, overhead: uint16(word & 0x1ff), // 9 bits
		})
	}
	return t, nil
}

// marshal makes the packet.
func (t tmmb) marshal() []byte {
	raw := make([]byte, 12, 12+tmmbItem*len(t.entries))
	raw[0] = 2<<6 | t.format
	raw[1] = uint8(rtcp.TypeTransportSpecificFeedback)
	binary.BigEndian.PutUint16(raw[2:], uint16(2+2*len(t.entries))) // at most maxTMMB
	binary.BigEndian.PutUint32(raw[4:], t.sender)
	for _, e := range t.entries {
		exponent, mantissa := uint32(0), uint64(max(e.rate, 0)) // not negative
		for mantissa > 0x1ffff {
			mantissa >>= 1
			exponent++
		}
		raw = binary.BigEndian.AppendUint32(raw, e.ssrc)
		raw = binary.BigEndian.AppendUint32(raw, exponent<<26|uint32(mantissa)<<9|uint32(e.overhead&0x1ff)) // 17 bits
	}
	return raw
}

// tmmbr takes a request for this track's rate, and returns the notification that is
// due for it (RFC 5104 section 4.2.2): who limits the stream now. There is one peer,
// so its newest word is the whole bounding set.
func (t *localTrack) tmmbr(request tmmb) (rtcp.Packet, bool) {
	for _, e := range request.entries {
		if e.ssrc != t.ssrc {
			continue
		}
		t.requested.Store(int64(e.rate))
		e.ssrc = request.sender
		n := rtcp.RawPacket(tmmb{sender: t.ssrc, format: fmtTMMBN, entries: []tmmbEntry{e}}.marshal())
		return &n, true
	}
	return nil, false
}

// limit is what the server allows the track, in bits a second; 0 for no limit.
func (t *localTrack) limit() int {
	least := t.chosen.allowed
	if r := t.requested.Load(); r > 0 && (least == 0 || int(r) < least) {
		least = int(r)
	}
	return least
}
