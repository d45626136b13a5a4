package camsim

import (
	"strconv"
	"testing"

	"github.com/bluenviron/gortsplib/v5"
)

// TestNightReboot shortens two minutes to a fraction of a second.
func TestNightReboot(t *testing.T) {
	c, err := StartPersonality("night-reboot", TimeScale(1.0/200))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	// Nobody may be given the port while the camera is off.
	if port, err := strconv.Atoi(mustURL(t, c.URL()).Port()); err != nil || port < 20000 || port >= 32000 {
		t.Errorf("the port is %d, %v", port, err)
	}
	r := read(t, c.Camera, gortsplib.ProtocolTCP)
	if err := r.client.Wait(); err == nil {
		t.Error("the session outlived its camera")
	}
	wait(t, "the camera is back", func() bool {
		again, err := tryRead(c.URL(), gortsplib.ProtocolTCP)
		if err != nil {
			return false
		}
		again.client.Close()
		return true
	})
	before := c.Stats()
	again := read(t, c.Camera, gortsplib.ProtocolTCP)
	wait(t, "media, and no second reboot", func() bool { return again.unitCount() > 20 })
	if c.Stats().AccessUnits <= before.AccessUnits {
		t.Error("what was sent before the reboot is not counted any more")
	}
}

// TestStopEndsReboots stops a camera that is about to go off, or to come back.
func TestStopEndsReboots(t *testing.T) {
	for _, scale := range []float64{1, 1.0 / 1000} {
		c, err := StartPersonality("night-reboot", TimeScale(scale))
		if err != nil {
			t.Fatal(err)
		}
		read(t, c.Camera, gortsplib.ProtocolTCP)
		wait(t, "a reader", func() bool { return c.Stats().AccessUnits > 0 })
		c.Stop()
	}
}
