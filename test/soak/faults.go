//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// chaos makes the faults.
type chaos struct {
	h       *harness
	box     *parts.Box
	lk      *parts.LiveKit
	gateway *parts.Gateway
	cameras orders
	proxy   *proxy
	watch   *watcher
	site    *site

	whip sync.Mutex // who tells the proxy what to do
	file sync.Mutex // who changes the site's file, and what it is made of
	at   string     // the box's address; one change at a time
	path sync.Mutex // who changes the box's network

	mu      sync.Mutex
	busy    map[string]bool          // cameras with a fault of their own
	begun   map[string]time.Duration // their last one
	faults  []fault
	skipped int // no camera was free, or no server there
}

// run makes all faults of a plan, and returns when the last one is over.
func (c *chaos) run(ctx context.Context, plan []planned) {
	var underWay sync.WaitGroup
	defer underWay.Wait()
	for _, p := range plan {
		if !pause(ctx, time.Until(c.h.start.Add(p.At))) {
			return
		}
		underWay.Go(func() { c.h.protect(func() { c.make(ctx, p) }) })
	}
}

// pause waits, and tells whether it came to the end of that.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// make makes one fault and returns when it is over.
func (c *chaos) make(ctx context.Context, p planned) {
	chance := rand.New(rand.NewPCG(p.Chance, 1)) //nolint:gosec // to be repeated
	switch p.Kind {
	case serverDown, newAddress, uplinkCut, refusing, stalling, reload, badFile:
		c.makeForAll(ctx, p, chance)
		return
	}
	m, ok := c.choose(ctx, p.Kind, chance)
	if !ok {
		c.skip()
		return
	}
	defer c.release(m)
	f := fault{Kind: p.Kind, Cameras: []string{m.Name}, Start: c.watch.now(), What: m.Name}
	err := c.toCamera(ctx, p, m, chance, &f)
	if p.Kind == removal && err != nil {
		c.skip() // the server is away
		return
	}
	c.record(f, err)
}

// toCamera does what concerns one camera.
func (c *chaos) toCamera(ctx context.Context, p planned, m member, chance *rand.Rand, f *fault) error {
	begin, end, with := "", "", url.Values{}
	switch p.Kind {
	case reboot:
		begin, end = "off", "on"
	case silence:
		begin, end = "freeze", "thaw"
	case hangUp:
		begin = "hangup"
	case loss:
		begin, end = "impair", "impair"
		with.Set("lost", strconv.Itoa(20+chance.IntN(180)))
	case clockStep, jump:
		begin = map[kind]string{clockStep: "clock", jump: "jump"}[p.Kind]
		by := time.Duration(chance.Int64N(int64(4*time.Hour))) - 2*time.Hour
		with.Set("by", by.String())
		f.What += " by " + by.Round(time.Second).String()
	case restart:
		return c.gateway.RestartCamera(m.Name)
	case removal:
		return c.remove(ctx, m.Name)
	}
	if err := c.cameras.give(m, begin, with); err != nil || end == "" {
		return err
	}
	f.What += fmt.Sprintf(" for %.1f s", p.For.Seconds())
	if p.Kind == loss {
		f.What += ", " + with.Get("lost") + " in 1000"
	}
	pause(ctx, p.For)
	return c.cameras.give(m, end, url.Values{})
}

// makeForAll does what concerns the server, the network or the site's file.
func (c *chaos) makeForAll(ctx context.Context, p planned, chance *rand.Rand) {
	f := fault{Kind: p.Kind, Start: c.watch.now(), What: fmt.Sprintf("for %.1f s", p.For.Seconds())}
	var err error
	switch p.Kind {
	case serverDown:
		f.Everybody = true
		c.lk.Kill()
		pause(ctx, p.For)
		c.lk.Start()
		c.lk.WaitReady()
	case newAddress:
		f.Everybody = true
		f.What = c.move()
	case uplinkCut:
		f.Everybody = true
		c.path.Lock()
		c.box.Firewall("meta l4proto { tcp, udp }")
		pause(ctx, p.For)
		c.box.Firewall()
		c.path.Unlock()
	case refusing, stalling:
		err = c.closeDoor(ctx, p, chance, &f)
	case reload:
		err = c.change(chance, &f)
	case badFile:
		err = c.breakFile(ctx, p, &f)
	}
	c.record(f, err)
}

// move gives the box its other address.
func (c *chaos) move() string {
	c.path.Lock()
	defer c.path.Unlock()
	old := c.at
	c.at = map[string]string{parts.BoxIPv4: parts.BoxNewIPv4, parts.BoxNewIPv4: parts.BoxIPv4}[old]
	c.box.RemoveAddress(old)
	c.box.AddAddress(c.at)
	return "to " + c.at
}

// closeDoor has the proxy refuse or stall, and takes three cameras out of the room,
// which then have to ask for a session.
func (c *chaos) closeDoor(ctx context.Context, p planned, chance *rand.Rand, f *fault) error {
	c.whip.Lock()
	defer c.whip.Unlock()
	var chosen []member
	for range 3 {
		if m, ok := c.choose(ctx, p.Kind, chance); ok {
			defer c.release(m)
			chosen = append(chosen, m)
		}
	}
	f.Start, f.Delays = c.watch.now(), true
	open := func() { c.proxy.refuse(false) }
	if p.Kind == refusing {
		c.proxy.refuse(true)
	} else {
		open = c.proxy.stall()
	}
	defer open()
	for _, m := range chosen {
		if c.remove(ctx, m.Name) == nil { // else the server is away
			f.Cameras = append(f.Cameras, m.Name)
		}
	}
	f.What += fmt.Sprint(", removed ", f.Cameras)
	pause(ctx, p.For)
	return nil
}

// change gives three cameras other settings.
func (c *chaos) change(chance *rand.Rand, f *fault) error {
	c.file.Lock()
	defer c.file.Unlock()
	f.Start = c.watch.now()
	for _, i := range chance.Perm(len(c.site.Fleet))[:min(3, len(c.site.Fleet))] {
		name := c.site.Fleet[i].Name
		c.site.Revision[name]++
		f.Cameras = append(f.Cameras, name)
	}
	f.What = fmt.Sprint(f.Cameras)
	if err := c.gateway.Reload(c.site.file()); err != nil {
		return err
	}
	return c.reloaded(1)
}

// breakFile puts a file in the place of the site's that cannot be used.
func (c *chaos) breakFile(ctx context.Context, p planned, f *fault) error {
	c.file.Lock()
	defer c.file.Unlock()
	f.Start = c.watch.now()
	if err := c.gateway.Reload(c.site.broken()); err != nil {
		return err
	}
	if err := c.reloaded(0); err != nil {
		return fmt.Errorf("a file that cannot be used: %w", err)
	}
	pause(ctx, p.For)
	if err := c.gateway.Reload(c.site.file()); err != nil {
		return err
	}
	return c.reloaded(1)
}

// reloaded waits until the program says how the reload went.
func (c *chaos) reloaded(want float64) error {
	return parts.Within(30*time.Second, func() error {
		values, err := c.gateway.Metrics()
		if err == nil && values[metricReload] != want {
			err = fmt.Errorf("%s is %v, want %v", metricReload, values[metricReload], want)
		}
		return err
	})
}

// remove takes a camera's participant out of the room.
func (c *chaos) remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := lksdk.NewRoomServiceClient(c.lk.HTTP(), c.lk.Key, c.lk.Secret).
		RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: c.site.Room, Identity: name})
	return err
}

// skip counts a fault that could not be made.
func (c *chaos) skip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped++
}

// record keeps a fault that is over.
func (c *chaos) record(f fault, err error) {
	f.End = c.watch.now()
	if err != nil {
		c.h.Errorf("%s, %s: %v", f.Kind, f.What, err)
	}
	c.h.Logf("%s: %s (from %.1f)", f.Kind, f.What, f.Start.Seconds())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f)
}
