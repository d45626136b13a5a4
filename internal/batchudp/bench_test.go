package batchudp

import (
	"fmt"
	"testing"
)

// BenchmarkFrame sends a frame of 20 kB, in one system call and in 18.
func BenchmarkFrame(b *testing.B) {
	for _, gathers := range []bool{true, false} {
		b.Run(fmt.Sprintf("batch=%v", gathers), func(b *testing.B) {
			c, sink := newConn(b, "127.0.0.1:0"), listen(b, "127.0.0.1:0")
			if !gathers {
				c.gathers.Store(false)
			}
			to, full, last := addressOf(sink), media(1216, 1), media(600, 2)
			b.ReportAllocs()
			b.SetBytes(17*1216 + 600)
			for b.Loop() {
				for range 17 {
					_, _ = c.WriteToAddrPort(full, to)
				}
				_, _ = c.WriteToAddrPort(last, to)
				c.Flush()
			}
		})
	}
}
