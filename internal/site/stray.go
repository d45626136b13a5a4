package site

import (
	"context"
	"log/slog"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

// strayAfter is when a site that has started looks for ingresses that belong to
// no camera: by then its cameras have found theirs.
const strayAfter = time.Minute

// specOf is what a camera wants to be in LiveKit.
func specOf(c Camera, lk LiveKit) ingress.Spec {
	return ingress.Spec{
		Name: ingress.Marker(lk.Site, c.Name), Room: c.Room, Identity: c.Identity,
		DisplayName: c.DisplayName, Metadata: c.Metadata, Attributes: c.Attributes,
		WHIPURL: lk.WHIPURL,
	}
}

// IngressSpecs returns what the cameras of a site that go through LiveKit Ingress
// want to be. Cameras that are switched off are among them: they keep theirs.
func IngressSpecs(cfg *Config) []ingress.Spec {
	var specs []ingress.Spec
	for _, c := range cfg.Cameras {
		if c.Via == ViaIngress {
			specs = append(specs, specOf(c, cfg.LiveKit))
		}
	}
	return specs
}

// tellStray logs once how many ingresses of the site no camera owns any more.
// Deleting them is left to a person: a file copied to another site without a new
// livekit.site must not cost the first site its ingresses.
func tellStray(ctx context.Context, lk *ingress.Client, cfg *Config, log *slog.Logger) {
	if cfg.LiveKit.Site != "" && sleep(ctx, strayAfter) {
		tellStrayNow(ctx, lk, cfg, log)
	}
}

func tellStrayNow(ctx context.Context, lk *ingress.Client, cfg *Config, log *slog.Logger) {
	items, err := lk.Inventory(ctx, cfg.LiveKit.Site, IngressSpecs(cfg))
	if err != nil {
		log.Debug("look for stray ingresses", "err", err)
		return
	}
	stray := 0
	for _, i := range items {
		if i.Owner == ingress.Orphan || i.Owner == ingress.Double {
			stray++
		}
	}
	if stray > 0 {
		log.Warn("ingresses of this site that no camera uses", "count", stray, "site", cfg.LiveKit.Site,
			"hint", "rtsp2whip ingress list shows them, rtsp2whip ingress prune deletes them")
	}
}
