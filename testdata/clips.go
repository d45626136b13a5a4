// Package testdata holds the clips and sounds that the simulated cameras play.
//
// All of it was made by this project with ffmpeg; make.sh holds every command.
// A clip's access units are split once, on first use, and then shared: callers
// must not change the slices they get.
package testdata

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

//go:embed *.264 *.265 *.opus *.alaw *.ulaw *.aac
var files embed.FS

// Video is one clip: whole access units from an IDR to the last picture before
// the next one, so that playing it again from the start is a valid stream.
type Video struct {
	Name          string
	Codec         string // "H264" or "H265", as in an SDP's rtpmap
	Width, Height int    // pixels
	FPS           int    // pictures a second
	Profile       string // "Baseline", "Main", "High"; "" for H.265

	// AccessUnits are in decoding order; each is a list of NAL units without
	// start codes. Every IDR is preceded by its parameter sets.
	AccessUnits [][][]byte

	// Reorder says by how many pictures each access unit is shown later (or,
	// if negative, earlier) than its place in AccessUnits. It is all zero for a
	// clip without B pictures.
	Reorder []int

	ParameterSets [][]byte // the first ones: SPS, PPS; for H.265 VPS, SPS, PPS
}

// Duration is the time that playing the clip once takes.
func (v *Video) Duration() time.Duration {
	return time.Duration(len(v.AccessUnits)) * time.Second / time.Duration(v.FPS)
}

// KeyFrame tells whether access unit i holds an IDR picture (for H.265 any
// random access point).
func (v *Video) KeyFrame(i int) bool {
	return slices.ContainsFunc(v.AccessUnits[i], codecs[v.Codec].isKey)
}

// Names lists the clips, sorted.
func Names() []string { return stems(".264", ".265") }

var videos sync.Map // name -> func() (*Video, error)

// Clip returns the clip of that name.
func Clip(name string) (*Video, error) {
	load, _ := videos.LoadOrStore(name, sync.OnceValues(func() (*Video, error) { return loadVideo(name) }))
	return load.(func() (*Video, error))()
}

func loadVideo(name string) (*Video, error) {
	codec, ext := "H264", ".264"
	if !slices.Contains(stems(ext), name) {
		codec, ext = "H265", ".265"
	}
	data, err := files.ReadFile(name + ext)
	if err != nil {
		return nil, fmt.Errorf("clip %q: not one of %s", name, strings.Join(Names(), ", "))
	}
	v := &Video{Name: name, Codec: codec, FPS: 25}
	syntax := codecs[codec]
	v.AccessUnits = syntax.accessUnits(nalUnits(data))
	if len(v.AccessUnits) == 0 || !v.KeyFrame(0) {
		return nil, fmt.Errorf("clip %q: does not start with a key frame", name)
	}
	for _, nalu := range v.AccessUnits[0] {
		if syntax.isParameterSet(nalu) {
			v.ParameterSets = append(v.ParameterSets, nalu)
		}
	}
	order, err := v.readSPS()
	if err != nil {
		return nil, fmt.Errorf("clip %q: %w", name, err)
	}
	v.Reorder = syntax.reorder(v.AccessUnits, order)
	return v, nil
}

// readSPS fills in what the sequence parameter set says, and returns it for H.264.
func (v *Video) readSPS() (*h264.SPS, error) {
	var fps float64
	var sps *h264.SPS
	if v.Codec == "H265" {
		var set h265.SPS
		if err := set.Unmarshal(v.ParameterSets[1]); err != nil {
			return nil, fmt.Errorf("sequence parameter set: %w", err)
		}
		v.Width, v.Height, fps = set.Width(), set.Height(), set.FPS()
	} else {
		sps = &h264.SPS{}
		if err := sps.Unmarshal(v.ParameterSets[0]); err != nil {
			return nil, fmt.Errorf("sequence parameter set: %w", err)
		}
		v.Width, v.Height, fps = sps.Width(), sps.Height(), sps.FPS()
		v.Profile = map[uint8]string{66: "Baseline", 77: "Main", 100: "High"}[sps.ProfileIdc]
	}
	if fps > 0 {
		v.FPS = int(fps + 0.5)
	}
	return sps, nil
}

// stems lists the embedded files with one of these endings, without it.
func stems(ext ...string) []string {
	entries, _ := files.ReadDir(".") // an embedded directory is always readable
	var out []string
	for _, e := range entries {
		if slices.Contains(ext, path.Ext(e.Name())) {
			out = append(out, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
		}
	}
	slices.Sort(out)
	return out
}
