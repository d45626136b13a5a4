//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// named is a site with a name, so that its ingresses can be told from others'.
func named(lk *parts.LiveKit, name, room string, cameras ...entry) string {
	return strings.Replace(site(lk, "ingress", room, cameras...), "livekit: {", "livekit: {site: "+name+", ", 1)
}

// markers lists every ingress of the server by its name; two of one name are an
// error of the test.
func markers(t testing.TB, lk *parts.LiveKit) map[string]string {
	t.Helper()
	list, err := lk.Ingresses(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]string)
	for _, i := range list {
		if other := ids[i.Name]; other != "" {
			t.Errorf("%s is the name of two ingresses, %s and %s", i.Name, other, i.IngressId)
		}
		ids[i.Name] = i.IngressId
	}
	return ids
}

// end ends a gateway in good order, so that nobody publishes any more.
func end(t testing.TB, g *parts.Gateway) {
	t.Helper()
	if took, byItself := g.Terminate(10 * time.Second); !byItself {
		t.Fatalf("the gateway did not end within %s", took)
	}
}

// A camera that is moved to another room takes its ingress along; one that is
// renamed or removed leaves it behind, and prune deletes what was left, and only
// that. An Ingress that hands sessions on to livekit-server is provisioned the
// same way.
func TestSiteChanges(t *testing.T) {
	lk, _ := parts.StartIngressWith(t, parts.LiveKitOptions{}, true)
	camera := startCamera(t, camsim.Config{})
	cam := func(name, extra string) entry { return entry{name: name, url: camera.URL(), extra: extra} }
	gateway := parts.StartGateway(t, "before", named(lk, "north", "yard", cam("stays", ""), cam("moves", ""), cam("old", ""), cam("goes", "")))
	gateway.WaitLive(40*time.Second, "stays", "moves", "old", "goes")
	before := markers(t, lk)
	if len(before) != 4 {
		t.Errorf("four cameras, ingresses %v", before)
	}
	end(t, gateway)
	lk.MakeIngress(t, "rtsp2whip/south/goes", "yard", "south-goes")
	lk.MakeIngress(t, "studio", "yard", "studio")

	file := named(lk, "north", "yard", cam("stays", ", metadata: '{\"floor\": 2}', display_name: Stays"),
		cam("moves", ", room: other, attributes: {kind: camera}"), cam("new", ""))
	gateway = parts.StartGateway(t, "after", file)
	gateway.WaitLive(40*time.Second, "stays", "moves", "new")
	parts.Eventually(t, 20*time.Second, "name, metadata and attributes are seen in the rooms", func() error {
		stays, err := lk.Participant("yard", "stays")
		if err != nil {
			return err
		}
		moves, err := lk.Participant("other", "moves")
		if err != nil {
			return err
		}
		if stays.Name != "Stays" || stays.Metadata != `{"floor": 2}` || moves.Attributes["kind"] != "camera" {
			return fmt.Errorf("%q, %q, %v", stays.Name, stays.Metadata, moves.Attributes)
		}
		return nil
	})
	after := markers(t, lk)
	for _, same := range []string{"rtsp2whip/north/stays", "rtsp2whip/north/moves"} {
		if before[same] != after[same] || after[same] == "" {
			t.Errorf("%s: %s before, %s after", same, before[same], after[same])
		}
	}

	config := gateway.Config()
	var rows []struct{ Camera, Owner, State string }
	if err := json.Unmarshal([]byte(tool(t, ".", parts.Binary(t), "ingress", "list", "--json", "-c", config)), &rows); err != nil {
		t.Fatal(err)
	}
	owners := make(map[string]string)
	for _, r := range rows {
		owners[r.Camera] = r.Owner
	}
	if want := map[string]string{"stays": "kept", "moves": "kept", "new": "kept", "old": "orphan", "goes": "orphan"}; !maps.Equal(owners, want) {
		t.Errorf("list: %v, want %v", owners, want)
	}
	said := tool(t, ".", parts.Binary(t), "ingress", "prune", "-c", config)
	if strings.Count(said, "deleted ") != 2 {
		t.Errorf("prune said\n%s", said)
	}
	want := []string{"rtsp2whip/north/moves", "rtsp2whip/north/new", "rtsp2whip/north/stays", "rtsp2whip/south/goes", "studio"}
	if got := slices.Sorted(maps.Keys(markers(t, lk))); !slices.Equal(got, want) {
		t.Errorf("ingresses after prune: %v, want %v", got, want)
	}
	gateway.WaitLive(time.Second, "stays", "moves", "new")
}

// publishes returns nil if a participant is there and publishes.
func publishes(lk *parts.LiveKit, room, identity string) error {
	p, err := lk.Participant(room, identity)
	if err != nil {
		return err
	}
	if len(p.Tracks) == 0 {
		return fmt.Errorf("%s publishes nothing", identity)
	}
	return nil
}

// Two boxes with the same file start in the same moment on a LiveKit that knows
// neither: each camera gets one ingress all the same.
func TestTwoBoxesOneSite(t *testing.T) {
	lk, _ := parts.StartLiveKitWithIngress(t)
	camera := startCamera(t, camsim.Config{})
	var cameras []entry
	for i := range 5 {
		cameras = append(cameras, entry{name: fmt.Sprintf("cam%d", i), url: camera.URL()})
	}
	file := named(lk, "north", "yard", cameras...)
	boxes := []*parts.Gateway{parts.StartGateway(t, "box-a", file), parts.StartGateway(t, "box-b", file)}
	parts.Eventually(t, 30*time.Second, "every camera is in the room", func() error {
		for _, c := range cameras {
			if err := publishes(lk, "yard", c.name); err != nil {
				return err
			}
		}
		return nil
	})
	parts.Eventually(t, 10*time.Second, "five ingresses", func() error {
		list, err := lk.Ingresses(context.Background(), "")
		if err != nil || len(list) != 5 {
			return fmt.Errorf("%d ingresses, %w", len(list), err)
		}
		return nil
	})
	if ids := markers(t, lk); len(ids) != 5 {
		t.Errorf("five cameras, ingresses %v", ids)
	}
	for _, b := range boxes {
		end(t, b)
	}
}
