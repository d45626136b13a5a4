package testdata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Sound is a short piece of audio that loops.
type Sound struct {
	Name      string // "opus", "pcma", "pcmu", "aac"
	ClockRate int    // RTP ticks a second
	Channels  int
	Packets   [][]byte // one RTP payload each, without payload headers

	Samples int                             // RTP ticks that each packet lasts
	Config  *mpeg4audio.AudioSpecificConfig // AAC only
}

// Duration is the time that playing the sound once takes.
func (s *Sound) Duration() time.Duration {
	return time.Duration(len(s.Packets)*s.Samples) * time.Second / time.Duration(s.ClockRate)
}

var loaders = map[string]func() (*Sound, error){
	"opus": loadOpus,
	"aac":  loadAAC,
	"pcma": func() (*Sound, error) { return loadG711("tones.alaw") },
	"pcmu": func() (*Sound, error) { return loadG711("tones.ulaw") },
}

// AudioNames lists the sounds.
func AudioNames() []string { return []string{"aac", "opus", "pcma", "pcmu"} }

var sounds sync.Map // name -> func() (*Sound, error)

// Audio returns the sound of that name.
func Audio(name string) (*Sound, error) {
	load, _ := sounds.LoadOrStore(name, sync.OnceValues(func() (*Sound, error) {
		f := loaders[name]
		if f == nil {
			return nil, fmt.Errorf("sound %q: not one of %s", name, strings.Join(AudioNames(), ", "))
		}
		s, err := f()
		if err != nil {
			return nil, fmt.Errorf("sound %q: %w", name, err)
		}
		s.Name = name
		return s, nil
	}))
	return load.(func() (*Sound, error))()
}

// loadG711 cuts raw 8 kHz samples into packets of 20 ms.
func loadG711(file string) (*Sound, error) {
	const samples = 160
	data, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &Sound{ClockRate: 8000, Channels: 1, Samples: samples}
	for ; len(data) >= samples; data = data[samples:] {
		s.Packets = append(s.Packets, data[:samples:samples])
	}
	return s, nil
}

func loadAAC() (*Sound, error) {
	data, err := files.ReadFile("tones.aac")
	if err != nil {
		return nil, err
	}
	var frames mpeg4audio.ADTSPackets
	if err := frames.Unmarshal(data); err != nil {
		return nil, err
	}
	first := frames[0]
	s := &Sound{
		ClockRate: first.SampleRate,
		Channels:  int(first.ChannelConfig), // equal for one to six channels
		Samples:   mpeg4audio.SamplesPerAccessUnit,
		Config: &mpeg4audio.AudioSpecificConfig{
			Type:          first.Type,
			SampleRate:    first.SampleRate,
			ChannelConfig: first.ChannelConfig,
		},
	}
	for _, f := range frames {
		s.Packets = append(s.Packets, f.AU)
	}
	return s, nil
}

// loadOpus reads an Ogg file with packets of 20 ms (RFC 7845).
func loadOpus() (*Sound, error) {
	data, err := files.ReadFile("tones.opus")
	if err != nil {
		return nil, err
	}
	packets, err := oggPackets(data)
	if err != nil {
		return nil, err
	}
	// The first two packets are OpusHead, with the channel count, and OpusTags.
	if len(packets) < 3 || len(packets[0]) < 10 {
		return nil, errors.New("no audio packets")
	}
	return &Sound{
		ClockRate: 48000,
		Channels:  int(packets[0][9]),
		Samples:   960,
		Packets:   packets[2:],
	}, nil
}

// oggPackets takes the packets out of an Ogg stream with one logical stream
// (RFC 3533, section 6).
func oggPackets(data []byte) ([][]byte, error) {
	const header = 27
	var out [][]byte
	var packet []byte
	for len(data) > 0 {
		if len(data) < header || binary.BigEndian.Uint32(data) != 0x4f676753 { // "OggS"
			return nil, errors.New("ogg: page does not start with OggS")
		}
		n := int(data[26])
		if len(data) < header+n {
			return nil, errors.New("ogg: page ends in its segment table")
		}
		table, body := data[header:header+n], data[header+n:]
		for _, size := range table {
			if len(body) < int(size) {
				return nil, errors.New("ogg: page ends in a segment")
			}
			packet = append(packet, body[:size]...)
			body = body[size:]
			if size < 255 { // 255 means that the packet goes on
				out = append(out, packet)
				packet = nil
			}
		}
		data = body
	}
	return out, nil
}
