// Package reel plays the embedded clips as RTP packets, in a loop and in real
// time. A clip is packetized once and shared by every player of the process, so
// that a hundred simulated cameras cost little more than their system calls.
package reel

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// VideoClock is the RTP clock of H.264 and H.265, in Hz.
const VideoClock = 90000

// Payload types, as cameras commonly number them.
const (
	VideoPayloadType = 96
	AudioPayloadType = 97 // but 0 and 8 for G.711, which have numbers of their own (RFC 3551)
)

// Sizes in bytes.
const (
	rtpHeader  = 12   // without extensions
	mostPacket = 1472 // what Ethernet leaves for UDP; the RTSP library sends no more

	jumboPacket = 60000
)

// Shape is how a clip's access units become packets. Everything but the packet
// size is a fault seen in real cameras; the zero value has none.
type Shape struct {
	PacketSize int // largest RTP packet in bytes, header included; 0 means 1400

	StripSets    bool // no parameter sets in band
	AUD          bool // an access unit delimiter before every picture
	SEI          bool // a SEI message before every picture
	AnnexB       bool // start codes before NAL units that fit one packet
	LoneFU       bool // NAL units that fit one packet come as an FU-A with both S and E set
	MarkerOnSets bool // parameter sets, delimiters and SEI carry the marker too
	NoMarker     bool // no packet carries the marker

	Jumbo    bool // packets of up to 60,000 bytes, as only TCP can carry
	Filler   bool // filler data after every picture
	SEIUnits bool // an access unit of SEI alone between all pictures
	TwoPPS   bool // every other picture refers to a second PPS; needs a Baseline clip
	NoIDR    bool // access units with an IDR are left out
	PadIDR   int  // IDR pictures are made this many bytes large; not in a Baseline clip
	PadAll   int  // pictures are made at least this many bytes large; not in a Baseline clip
}

// Packet is the part of an RTP packet that does not change from loop to loop.
type Packet struct {
	Payload []byte
	Marker  bool
}

// Unit is one access unit and its packets.
type Unit struct {
	NALUs    [][]byte // as sent
	Packets  []Packet
	KeyFrame bool
	Picture  bool  // false: SEI and nothing else
	Shift    int32 // RTP ticks by which it is shown after (before, if negative) its turn
}

// Film is a packetized clip.
type Film struct {
	Video *testdata.Video
	Units []Unit
	Step  uint32 // RTP ticks between access units
}

type filmKey struct {
	name  string
	shape Shape
}

var films sync.Map // filmKey -> func() (*Film, error)

// LoadFilm packetizes a clip, or returns the one packetized before. Several names,
// joined by plus signs, are played one after the other.
func LoadFilm(name string, shape Shape) (*Film, error) {
	switch {
	case shape.Jumbo:
		shape.PacketSize = jumboPacket
	case shape.PacketSize == 0:
		shape.PacketSize = 1400
	}
	if shape.PacketSize < 100 || shape.PacketSize > mostPacket && !shape.Jumbo {
		return nil, fmt.Errorf("packetize %s: a packet size of %d bytes is not between 100 and %d", name, shape.PacketSize, mostPacket)
	}
	load, _ := films.LoadOrStore(filmKey{name, shape}, sync.OnceValues(func() (*Film, error) {
		return splice(strings.Split(name, "+"), shape)
	}))
	return load.(func() (*Film, error))()
}

// splice joins clips. The first one is what an SDP describes.
func splice(names []string, shape Shape) (*Film, error) {
	var whole *Film
	for _, name := range names {
		f, err := packetize(name, shape)
		switch {
		case err != nil:
			return nil, err
		case whole == nil:
			whole = f
		case f.Step != whole.Step || f.Video.Codec != whole.Video.Codec:
			return nil, fmt.Errorf("packetize %s: differs from %s in frame rate or codec", name, names[0])
		default:
			whole.Units = append(whole.Units, f.Units...)
		}
	}
	return whole, nil
}

func packetize(name string, shape Shape) (*Film, error) {
	v, err := testdata.Clip(name)
	if err != nil {
		return nil, err
	}
	f := &Film{Video: v, Step: uint32(VideoClock / v.FPS)}
	p := packetizer{shape: shape, h265: v.Codec == "H265"}
	for i, au := range v.AccessUnits {
		if shape.NoIDR && v.KeyFrame(i) {
			continue
		}
		nalus, err := p.dress(au, i)
		if err != nil {
			return nil, fmt.Errorf("packetize %s: %w", name, err)
		}
		f.Units = append(f.Units, Unit{
			NALUs:    nalus,
			Packets:  p.packets(nalus),
			KeyFrame: v.KeyFrame(i),
			Picture:  true,
			Shift:    int32(v.Reorder[i]) * int32(f.Step),
		})
		if shape.SEIUnits {
			f.Units = append(f.Units, Unit{NALUs: [][]byte{sei}, Packets: p.packets([][]byte{sei})})
		}
	}
	if shape.SEIUnits {
		f.Step /= 2
	}
	return f, nil
}

// Track is a packetized sound.
type Track struct {
	Sound       *testdata.Sound
	Payloads    [][]byte
	PayloadType uint8
	Marker      bool // every packet carries the marker (RFC 3640, section 3.1)
}

// LoadTrack packetizes a sound, one packet for each of its pieces.
func LoadTrack(name string) (*Track, error) {
	s, err := testdata.Audio(name)
	if err != nil {
		return nil, err
	}
	t := &Track{Sound: s, Payloads: s.Packets, PayloadType: AudioPayloadType}
	switch name {
	case "pcmu":
		t.PayloadType = 0
	case "pcma":
		t.PayloadType = 8
	case "aac":
		t.Marker = true
		t.Payloads = make([][]byte, len(s.Packets))
		for i, p := range s.Packets {
			t.Payloads[i] = aacPayload(p)
		}
	}
	return t, nil
}

// aacPayload puts the AU header of AAC-hbr in front: 16 bits of headers, a size
// of 13 bits and an index of 3 (RFC 3640, section 3.3.6).
func aacPayload(frame []byte) []byte {
	b := make([]byte, 4, 4+len(frame))
	binary.BigEndian.PutUint16(b, 16)
	binary.BigEndian.PutUint16(b[2:], uint16(len(frame)<<3))
	return append(b, frame...)
}
