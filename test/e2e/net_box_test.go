//go:build e2e && linux

package e2e

import (
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// boxCamera starts a simulated camera on the box's own loopback interface.
func boxCamera(t testing.TB, box *parts.Box, cfg camsim.Config) *camsim.Camera {
	t.Helper()
	var camera *camsim.Camera
	if err := box.Do(func() (err error) {
		camera, err = camsim.Start(cfg)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(camera.Stop)
	return camera
}

// status is what the gateway says of a camera.
func status(t testing.TB, g *parts.Gateway, name string) parts.CameraStatus {
	t.Helper()
	all, err := g.Cameras()
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}
