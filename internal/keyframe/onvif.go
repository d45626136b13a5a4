package keyframe

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/onvif"
)

// device is the camera as an ONVIF device. It is asked by one goroutine at a time.
type device struct {
	camera   Camera
	client   *onvif.Client   // nil until the device service is found
	profiles []onvif.Profile // of our stream; nil until they are known
}

const (
	// locateTimeout is how long a camera may take to tell where its device service
	// is, and knockTimeout how long a port where it may be.
	locateTimeout = time.Second
	knockTimeout  = 2 * time.Second
	// setupTimeout bounds finding the device service and its profiles, once.
	setupTimeout = 15 * time.Second
	// mostProfiles is how many are asked, where none says that it is our stream.
	mostProfiles = 4
)

// usualPorts are those of device services, by how many makers use them.
var usualPorts = []int{80, 8080, 8000, 2020, 8899}

// ask asks for a key frame of our stream.
func (d *device) ask(ctx context.Context, sent func()) error {
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	if err := d.prepare(ctx); err != nil {
		return onvifError(err)
	}
	sent()
	var failed error
	heard := false // by the profile that counts, or one that may
	for _, p := range d.profiles {
		err := d.client.Synchronize(ctx, p)
		switch {
		case errors.Is(err, onvif.ErrRefused):
			return onvifError(err)
		case err != nil:
			failed = err
		default:
			heard = true
		}
	}
	if heard {
		return nil
	}
	d.profiles = nil // they may have changed
	return onvifError(failed)
}

// prepare finds the device service and the profiles of our stream.
func (d *device) prepare(ctx context.Context) error {
	if d.client == nil {
		client, err := d.find(ctx)
		if err != nil {
			return err
		}
		d.client = client
	}
	if d.profiles != nil {
		return nil
	}
	all, err := d.client.Profiles(ctx)
	if err != nil {
		return err
	}
	var video []onvif.Profile
	for _, p := range all {
		if p.Codec != "" {
			video = append(video, p)
		}
	}
	if len(video) == 0 {
		return onvif.ErrNotONVIF
	}
	d.profiles, err = d.ours(ctx, video)
	return err
}

// ours picks the profile of our stream by its URL. Where none matches, the first
// ones are asked all: a key frame that nobody needs does no harm.
func (d *device) ours(ctx context.Context, all []onvif.Profile) ([]onvif.Profile, error) {
	for _, p := range all {
		uri, err := d.client.StreamURI(ctx, p)
		if errors.Is(err, onvif.ErrRefused) || ctx.Err() != nil {
			return nil, err
		}
		if err == nil && sameStream(d.camera.RTSP, uri) {
			return []onvif.Profile{p}, nil
		}
	}
	return all[:min(len(all), mostProfiles)], nil
}

// sameStream reports that a URL which the device names is that of our stream. The
// device may say more in its query than we were told, and has its own port.
func sameStream(ours *url.URL, named string) bool {
	u, err := url.Parse(named)
	if err != nil || !strings.EqualFold(strings.TrimRight(u.Path, "/"), strings.TrimRight(ours.Path, "/")) {
		return false
	}
	theirs := u.Query()
	for key, values := range ours.Query() {
		if theirs.Get(key) != values[0] {
			return false
		}
	}
	return true
}

// find returns a client of the device service: where the file says, or where the
// camera says when asked, or where they usually are.
func (d *device) find(ctx context.Context) (*onvif.Client, error) {
	if d.camera.Web != nil {
		return d.at(d.camera.Web.String())
	}
	lctx, cancel := context.WithTimeout(ctx, locateTimeout)
	found, err := onvif.Locate(lctx, d.camera.RTSP.Hostname())
	cancel()
	if err == nil {
		return d.at(found.URL)
	}
	for _, port := range usualPorts {
		u := url.URL{Scheme: "http", Host: hostOnly(d.camera.RTSP) + ":" + strconv.Itoa(port), Path: "/onvif/device_service"}
		// Who answers there may be no ONVIF device at all, and is not told the account.
		stranger, err := onvif.New(onvif.Config{URL: u.String()})
		if err != nil {
			return nil, err
		}
		kctx, cancel := context.WithTimeout(ctx, knockTimeout)
		_, err = stranger.Skew(kctx)
		cancel()
		if err == nil {
			return d.at(u.String())
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, errors.New("no ONVIF device service is found at the camera's address")
}

func (d *device) at(u string) (*onvif.Client, error) {
	c := d.camera
	return onvif.New(onvif.Config{URL: u, Username: c.Username, Password: c.Password, HTTP: c.HTTP})
}
