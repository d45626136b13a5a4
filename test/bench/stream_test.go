package main

import (
	"bytes"
	"testing"
	"time"
)

func TestStreamIsWhatItSays(t *testing.T) {
	for _, slices := range []int{1, 4} {
		s, err := newStream(slices)
		if err != nil {
			t.Fatal(err)
		}
		size, pictures := 0, 0
		for i, nalus := range s.frames {
			firsts := 0
			for _, n := range nalus {
				size += len(n)
				if bytes.Contains(n, []byte{0, 0, 1}) {
					t.Errorf("picture %d holds a start code", i)
				}
				if kind := n[0] & 0x1f; kind == 5 || kind == 1 {
					pictures++
					if n[1]&0x80 != 0 {
						firsts++
					}
				}
			}
			if firsts != 1 {
				t.Errorf("%d slices, picture %d: %d first ones", slices, i, firsts)
			}
		}
		if rate := size * 8 / 2; rate < 3_800_000 || rate > 4_200_000 || pictures != gop*slices {
			t.Errorf("%d slices: %d b/s, %d of them", slices, rate, pictures)
		}
	}
}

func TestStampSurvivesFragments(t *testing.T) {
	s, err := newStream(1)
	if err != nil {
		t.Fatal(err)
	}
	for i, nalus := range s.frames {
		found := 0
		for _, n := range nalus {
			for _, payload := range fragments(n) {
				if _, _, ok := stamp(payload); !ok {
					continue
				}
				found++
				at := time.Unix(1_800_000_000, 123_456_789)
				putStamp(payload[1+stampAt:], 1_000_000+uint32(i), at)
				if number, sent, ok := stamp(payload); !ok || number != 1_000_000+uint32(i) || !sent.Equal(at) {
					t.Fatalf("picture %d: %d, %v, %v", i, number, sent, ok)
				}
			}
		}
		if found != 1 {
			t.Errorf("picture %d has %d places for a stamp", i, found)
		}
	}
}
