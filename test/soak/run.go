//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/machine"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// quiet is how long, in the end, pictures are counted without faults.
const quiet = 20 * time.Second

// run makes a soak from its start to its verdict.
func (o options) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	h := &harness{start: time.Now()}
	r := &result{Options: o, Date: time.Now().UTC()}
	before := readUsage()
	h.protect(func() { o.soak(ctx, h, r) })
	h.finish()
	r.Usage = readUsage().since(before)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	r.Wrong = h.wrong()
	if err := r.keep(); err != nil {
		return err
	}
	return r.tell(o.Out)
}

// again tells once more what an earlier run has found.
func (o options) again() error {
	text, err := os.ReadFile(o.From)
	if err != nil {
		return err
	}
	r := &result{}
	if err := json.Unmarshal(text, r); err != nil {
		return fmt.Errorf("%s: %w", o.From, err)
	}
	return r.tell(o.Out)
}

// keep leaves behind what the run has found, beside what the programs have said.
func (r *result) keep() error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(r.Artifacts, "result.json"), text, 0o600),
		os.WriteFile(filepath.Join(r.Artifacts, "gaps.txt"), []byte(r.allGaps()), 0o600))
}

// tell judges, prints and publishes.
func (r *result) tell(out string) error {
	verdicts := r.judge()
	fmt.Print(r.text(verdicts))
	if out != "" {
		if err := r.publish(out, verdicts); err != nil {
			return err
		}
	}
	for _, v := range verdicts {
		if !v.Holds {
			return errors.New("a judgement has failed")
		}
	}
	return nil
}

// soak starts the parts, makes the faults, and collects what is judged.
func (o options) soak(ctx context.Context, h *harness, r *result) {
	parts.MoveIn(h)
	r.describe(h)
	c := o.build(h)
	names := make([]string, 0, o.Cameras)
	for _, m := range c.site.Fleet {
		names = append(names, m.Name)
	}

	c.gateway.WaitLive(2*time.Minute, names...)
	h.Logf("%d cameras are live", o.Cameras)
	watching, endWatch := context.WithCancel(ctx)
	defer endWatch()
	seen := &viewer{url: c.lk.URL(), pictures: map[string]uint64{}, token: func() string { return c.lk.ViewerToken(h, c.site.Room, viewerName) }}
	h.run(func() { seen.run(watching) })
	var still standstills
	h.run(func() { still.run(watching) })
	h.run(func() { still.watch(watching, c.gateway.Waited) })

	h.start = time.Now()
	c.watch = newWatcher(h, c.gateway, names)
	var watch sync.WaitGroup
	looking, endLook := context.WithCancel(ctx)
	defer endLook()
	watch.Go(func() { h.protect(func() { c.watch.run(looking) }) })
	defer watch.Wait()
	defer endLook()

	c.run(ctx, schedule(o.Seed, o.Duration))
	r.Chaos = c.watch.now()
	h.Logf("no more faults")
	if err := parts.Within(recovery, func() error { return errors.Join(ctx.Err(), c.watch.allLive()) }); err != nil {
		h.Logf("%v", err)
	}
	r.Settled = c.watch.now() - r.Chaos
	if err := parts.Within(30*time.Second, func() error { return errors.Join(ctx.Err(), c.roomIsRight(ctx)) }); err != nil {
		r.Room = err.Error()
	}
	o.count(ctx, h, c, seen, r)
	endLook()
	watch.Wait()
	theirs, err := c.cameras.standstills()
	if err != nil {
		h.Fatal(err)
	}
	r.Still = asFaults(append(theirs, still.list()...), h.start)
	r.Length = c.watch.now()
	r.Gaps, r.Live, r.Samples = c.watch.allGaps(), c.watch.live, c.watch.samples
	c.mu.Lock()
	r.Faults, r.Skipped = c.faults, c.skipped
	c.mu.Unlock()
	o.end(ctx, h, c, r)
}

// build starts everything.
func (o options) build(h *harness) *chaos {
	box := parts.NewBox(h, parts.BoxIPv4)
	lk := parts.StartLiveKitWith(h, parts.LiveKitOptions{
		Host: parts.FarIPv4, RTC: "  congestion_control: {enabled: false}", // the viewer is to get everything
	})
	whip, err := url.Parse(lk.HTTP())
	if err != nil {
		h.Fatal(err)
	}
	door, err := startProxy(parts.FarIPv4, whip)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = door.close() })

	self, err := os.Executable()
	if err != nil {
		h.Fatal(err)
	}
	control := fmt.Sprintf("127.0.0.1:%d", firstPort-1)
	cameras := parts.Run(h, parts.Command{
		Name: "cameras", Path: self, In: box, Args: []string{"cameras", "-n", fmt.Sprint(o.Cameras), "-control", control},
	})
	transport := &http.Transport{DialContext: box.Dial}
	h.Cleanup(transport.CloseIdleConnections)
	orders := orders{client: &http.Client{Transport: transport, Timeout: 20 * time.Second}, url: "http://" + control}
	parts.Eventually(h, 30*time.Second, "the cameras get ready", func() error {
		_, err := orders.sent()
		return errors.Join(err, cameras.Alive())
	})

	s := &site{URL: lk.URL(), Key: lk.Key, Secret: lk.Secret, WHIP: door.url, Room: "soak",
		Fleet: newFleet(o.Cameras), Revision: map[string]int{}}
	gateway := box.StartGateway("rtsp2whip", s.file())
	return &chaos{
		h: h, box: box, lk: lk, gateway: gateway, cameras: orders, proxy: door, site: s, at: parts.BoxIPv4,
		busy: map[string]bool{}, begun: map[string]time.Duration{},
	}
}

// roomIsRight tells what is wrong with the room: it has every camera once, with its
// tracks and its newest metadata, and nobody else but the viewer.
func (c *chaos) roomIsRight(ctx context.Context) error {
	all, err := c.lk.Participants(ctx, c.site.Room)
	if err != nil {
		return err
	}
	var wrong []string
	found := map[string]int{}
	for _, p := range all {
		found[p.Identity]++
		if p.Identity == viewerName {
			continue
		}
		var tracks []string
		for _, t := range p.Tracks {
			tracks = append(tracks, strings.ToLower(t.Type.String()))
		}
		m, ok := c.member(p.Identity)
		want := 1
		if m.Audio {
			want = 2
		}
		switch {
		case !ok:
			wrong = append(wrong, "there is a ghost, "+p.Identity)
		case len(tracks) != want:
			wrong = append(wrong, fmt.Sprintf("%s has the tracks %v, want %d", p.Identity, tracks, want))
		case p.Metadata != c.site.metadata(p.Identity):
			wrong = append(wrong, fmt.Sprintf("%s has the metadata %q, want %q", p.Identity, p.Metadata, c.site.metadata(p.Identity)))
		}
	}
	for _, m := range c.site.Fleet {
		if n := found[m.Name]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("%s is there %d times", m.Name, n))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

func (c *chaos) member(name string) (member, bool) {
	for _, m := range c.site.Fleet {
		if m.Name == name {
			return m, true
		}
	}
	return member{}, false
}

// count compares, without faults, the pictures that the cameras send with those that
// the room's viewer gets.
func (o options) count(ctx context.Context, h *harness, c *chaos, v *viewer, r *result) {
	sent, err := c.cameras.sent()
	if err != nil {
		h.Fatal(err)
	}
	seen := v.seen()
	pause(ctx, quiet)
	sentAfter, err := c.cameras.sent()
	if err != nil {
		h.Fatal(err)
	}
	for i, m := range c.site.Fleet {
		r.Pictures = append(r.Pictures, pictures{m.Name, sentAfter[i] - sent[i], v.seen()[m.Name] - seen[m.Name]})
	}
	for _, n := range v.seen() {
		r.Watched += n
	}
}

// end asks the program to end, and looks who stays in the room.
func (o options) end(ctx context.Context, h *harness, c *chaos, r *result) {
	r.CPU = c.gateway.CPU()
	r.Ended, r.ByItself = c.gateway.Terminate(20 * time.Second)
	err := parts.Within(20*time.Second, func() error {
		all, err := c.lk.Participants(ctx, c.site.Room)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.Identity != viewerName {
				return fmt.Errorf("%s is still there", p.Identity)
			}
		}
		return nil
	})
	if err != nil {
		r.Left = err.Error()
	}
}

// describe notes what the run is made with.
func (r *result) describe(h *harness) {
	r.Machine = machine.Describe()
	r.LiveKit = parts.Version(h, "LIVEKIT_SERVER")
	r.Go = runtime.Version()
	out, err := exec.Command(parts.Binary(h), "version").Output()
	if err != nil {
		h.Fatal(err)
	}
	r.Version, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	r.Artifacts = filepath.Clean(parts.ArtifactDir(h))
}
