//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	steadyFor = 5 * time.Second // live before a camera is hit, most of the time
	apart     = 6 * time.Second // between two of a camera's own faults, always
)

// choose takes a camera for a fault of its own. One in four may be away already, for
// whatever reason but a fault of its own.
func (c *chaos) choose(ctx context.Context, k kind, chance *rand.Rand) (member, bool) {
	order := chance.Perm(len(c.site.Fleet))
	anyhow := k != removal && k != refusing && k != stalling && chance.IntN(4) == 0
	for range 40 {
		for _, i := range order {
			m := c.site.Fleet[i]
			if k == loss && !m.Lossy || !anyhow && !c.watch.steady(m.Name, steadyFor) {
				continue
			}
			if c.take(m) {
				return m, true
			}
		}
		if !pause(ctx, pollEvery) {
			break
		}
	}
	return member{}, false
}

func (c *chaos) take(m member) bool {
	now := c.watch.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.begun[m.Name]; c.busy[m.Name] || ok && now-last < apart {
		return false
	}
	c.busy[m.Name], c.begun[m.Name] = true, now
	return true
}

func (c *chaos) release(m member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, m.Name)
}
