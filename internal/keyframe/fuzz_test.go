package keyframe

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// Whatever happens, in whatever order: one way is asked at a time, nobody who has
// refused is asked again, no way that needs the account after the second refusal, and
// whoever waits for Next's time gets further.
func FuzzChooser(f *testing.F) {
	f.Add([]byte("wnnnnaanndddwwnaad"), false)
	f.Add([]byte("wtttnttnrttnrttnrtteb wn"), false)
	f.Add([]byte("wtttntttdtttutttfntttd"), true)
	f.Fuzz(func(t *testing.T, events []byte, fixed bool) {
		ways := order
		if fixed {
			ways = []Way{ONVIF}
		}
		c := NewChooser(ways, fixed)
		now := time.Unix(1000, 0)
		c.Begin(now)
		busy := Way("")
		denied := map[Way]bool{}
		done := func(err error) {
			if busy == "" {
				return
			}
			if errors.Is(err, ErrRefused) {
				denied[busy] = true
			}
			c.Done(now, err)
			busy = ""
		}
		for _, e := range events {
			switch e {
			case 'w':
				c.Want(now)
			case 'a':
				c.Arrived(now)
			case 'o':
				c.Arrived(now.Add(-time.Duration(e) * 10 * time.Millisecond))
			case 's':
				c.Sent(now)
			case 'd':
				done(nil)
			case 'r':
				done(fmt.Errorf("x: %w", ErrRefused))
			case 'u':
				done(ErrUnsupported)
			case 'f':
				done(errors.New("timeout"))
			case 'e':
				c.End()
				busy = ""
			case 'b':
				if busy == "" {
					c.Begin(now)
				}
			default:
				now = now.Add(time.Duration(e) * 20 * time.Millisecond)
			}
			way, look := c.Next(now)
			switch {
			case way == "" && !look.IsZero() && !look.After(now):
				t.Fatalf("to look again at %v, at %v", look, now)
			case way == "":
			case busy != "":
				t.Fatalf("%s and %s at once", busy, way)
			case denied[way] || way.private() && len(denied) >= refusals:
				t.Fatalf("%s is asked after refusals by %v", way, denied)
			default:
				busy = way
			}
			if s := c.Status(now); s.Way != "" && s.Delay < 0 {
				t.Fatalf("%+v", s)
			}
		}
	})
}
