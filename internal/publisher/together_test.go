package publisher

import (
	"testing"
	"time"
)

// What begins at any time ends on the grid, and lasts about as long as asked for.
func TestTogether(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for ms := range 1000 {
		now := begin.Add(time.Duration(ms)*time.Millisecond + 123)
		d := together(now, time.Second)
		if end := now.Add(d); end != end.Round(slot) || (d-time.Second).Abs() > slot/2 {
			t.Fatalf("from %v: %v", now, d)
		}
	}
	if d := together(begin.Add(time.Millisecond), 0); d < 0 {
		t.Errorf("a wait of %v", d)
	}
}
