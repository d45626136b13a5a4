//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
)

// firstPort is where the first camera listens; nobody else is in its network.
const firstPort = 21000

// member is one camera of the site.
type member struct {
	Name   string
	Number int
	Lossy  bool // its media come over UDP, and packets may be lost
	Audio  bool
	Config camsim.Config
}

// newFleet makes a site of cameras as they are found together.
func newFleet(n int) []member {
	clips := []string{"360p-baseline", "360p-main", "360p-high", "360p-slices", "360p-longgop", "720p-main"}
	sounds := []string{"", "opus", "", "pcma", ""}
	var out []member
	for i := range n {
		m := member{Name: fmt.Sprintf("cam%02d", i), Number: i}
		m.Config = camsim.Config{
			Addr: fmt.Sprintf("127.0.0.1:%d", firstPort+i), Clip: clips[i%len(clips)], Audio: sounds[i%len(sounds)], Seed: uint64(i),
		}
		m.Audio = m.Config.Audio != ""
		m.Config.Faults.HonourPLI = i%2 == 0
		if i%5 == 2 {
			m.Lossy = true
			m.Config.Transport = camsim.UDPOnly
			m.Config.Faults.Raw = rawserver.Faults{Timeout: time.Minute}
		}
		out = append(out, m)
	}
	return out
}

// site is what the site's file is made of.
type site struct {
	URL, Key, Secret string // LiveKit's
	WHIP             string // where the proxy is
	Room             string
	Fleet            []member
	Revision         map[string]int // how often each camera's settings have changed
}

// file is the site's file, without the admin section.
func (s *site) file() string {
	var b strings.Builder
	fmt.Fprintf(&b, "livekit: {url: %q, whip_url: %q, api_key: %q, api_secret: %q, room: %q, via: server}\n",
		s.URL, s.WHIP, s.Key, s.Secret, s.Room)
	b.WriteString("cameras:\n")
	for _, m := range s.Fleet {
		transport := "tcp"
		if m.Lossy {
			transport = "udp"
		}
		fmt.Fprintf(&b, "  - {name: %q, url: \"rtsp://127.0.0.1:%d/stream1\", transport: %s, metadata: %q}\n",
			m.Name, firstPort+m.Number, transport, s.metadata(m.Name))
	}
	return b.String()
}

// broken is a file that no camera may notice: it names one of them twice.
func (s *site) broken() string {
	return s.file() + fmt.Sprintf("  - {name: %q, url: \"rtsp://127.0.0.1:1/stream1\"}\n", s.Fleet[0].Name)
}

// metadata is what a camera's participant has in the room.
func (s *site) metadata(name string) string { return fmt.Sprintf("revision %d", s.Revision[name]) }
