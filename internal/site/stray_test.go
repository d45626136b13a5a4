package site

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

func TestStrayIngressesAreTold(t *testing.T) {
	for site, want := range map[string]string{"north": "count=2", "south": "count=1", "west": ""} {
		lk := ingresstest.Start()
		t.Cleanup(lk.Close)
		lk.Make("rtsp2whip/north/gate", "yard", "gate", false)
		lk.Make("rtsp2whip/north/gate", "elsewhere", "gate", false)
		lk.Make("rtsp2whip/north/gone", "yard", "gone", false)
		lk.Make("rtsp2whip/south/gone", "yard", "gone-south", false)
		cfg := Default()
		cfg.LiveKit.URL, cfg.LiveKit.Site, cfg.LiveKit.Room = lk.URL, site, "yard"
		cfg.LiveKit.APIKey, cfg.LiveKit.APISecret = secret.New(ingresstest.Key), secret.New(ingresstest.Secret)
		cfg.Cameras = []Camera{aCamera("gate", "rtsp://192.0.2.1/")}
		if err := cfg.Complete(Sources{}); err != nil {
			t.Fatal(err)
		}
		var log syncedLog
		logger := slog.New(slog.NewTextHandler(&log, nil))
		client, err := LiveKitClient(cfg.LiveKit, logger)
		if err != nil {
			t.Fatal(err)
		}
		tellStrayNow(t.Context(), client, &cfg, logger)
		client.CloseIdleConnections()
		if got := log.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("site %q: log %q, want %q", site, got, want)
		}
		if lk.Calls("DeleteIngress") != 0 {
			t.Error("deleted something by itself")
		}
	}
}

// A site that ends before its minute has passed does not wait for it.
func TestStrayEndsWithTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := Default()
		cfg.LiveKit.Site = "north"
		done := make(chan struct{})
		go func() {
			defer close(done)
			tellStray(ctx, nil, &cfg, slog.New(slog.DiscardHandler))
		}()
		synctest.Wait()
		cancel()
		<-done
	})
}
