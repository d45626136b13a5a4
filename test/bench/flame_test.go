//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

const script = `
         401234 github.com/rtsp2whip/rtsp2whip/internal/repack.(*Video).Push
         401000 runtime.goexit

     ffffffff81 __sys_sendmsg
         402000 github.com/rtsp2whip/rtsp2whip/internal/batchudp.(*sender).send
         401000 runtime.goexit

     ffffffff82 __sys_sendmsg
         402000 github.com/rtsp2whip/rtsp2whip/internal/batchudp.(*sender).send
         401000 runtime.goexit

         403000
`

func TestStacksAndShares(t *testing.T) {
	samples := stacks([]byte(script))
	if len(samples) != 3 {
		t.Fatalf("%d stacks: %v", len(samples), samples)
	}
	got := map[string]float64{}
	sum := 0.0
	for _, s := range shares(samples) {
		got[s.For] = s.Share
		sum += s.Share
	}
	if got[kinds[0].what] != 0.5 || got["`internal/repack`"] != 0.25 || got["the rest"] != 0.25 || math.Abs(sum-1) > 1e-9 {
		t.Errorf("shares: %v", got)
	}
}

func TestFlameIsXML(t *testing.T) {
	svg := flame("a & b", stacks([]byte(script)))
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a &amp; b", "repack.(*Video).Push: 25.0 %", "__sys_sendmsg: 50.0 %"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in the graph", want)
		}
	}
}
