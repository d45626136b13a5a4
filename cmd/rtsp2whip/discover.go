package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camhttp"
	"github.com/rtsp2whip/rtsp2whip/internal/onvif"
)

type discoverCmd struct {
	Hosts []string `arg:"" optional:"" name:"host" help:"Ask these hosts, and not the whole network."`

	Interface []string      `placeholder:"NAME" help:"Ask on this network interface; may be repeated (default: all that carry multicast)."`
	Timeout   time.Duration `default:"3s" placeholder:"DURATION" help:"How long to wait for answers (default: ${default})."`

	Username     string `placeholder:"USER" help:"An account of the cameras; profiles and URLs are shown only to one."`
	PasswordFile string `placeholder:"FILE" help:"File with the account's password, - for standard input."`

	JSON bool `name:"json" xor:"form" help:"Print JSON."`
	YAML bool `name:"yaml" xor:"form" help:"Print a cameras block for a site's file."`
}

// Help adds to the command's help.
func (*discoverCmd) Help() string {
	return "Finds cameras that speak ONVIF (WS-Discovery) on the links of this machine. Cameras behind a router must be named. " +
		"The account is tried once on each device that answers, never in the clear; name hosts where strangers' devices may be."
}

// device is what is told about one that has answered.
type device struct {
	Address      netip.Addr `json:"address"`
	URL          string     `json:"url"` // of its ONVIF device service
	Interface    string     `json:"interface,omitempty"`
	Manufacturer string     `json:"manufacturer"`
	Model        string     `json:"model"`
	Firmware     string     `json:"firmware,omitempty"`
	Location     string     `json:"location,omitempty"`
	ClockAhead   float64    `json:"clock_ahead"` // seconds; negative: behind ours
	Streams      []stream   `json:"streams"`
	Problem      string     `json:"problem,omitempty"` // why there are no streams

	answers bool // speaks ONVIF
}

// stream is one of a device's profiles with video.
type stream struct {
	Name   string  `json:"name"`
	Codec  string  `json:"codec"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
	GOP    int     `json:"gop"` // frames from key frame to key frame; 0: not told
	URL    string  `json:"url"`
}

// Bounds of asking.
const (
	askAtOnce = 16
	askFor    = 15 * time.Second // one device, all questions
	// mostStreams of one device are asked for their URLs; recorders have more.
	mostStreams = 64
)

// Run finds devices, asks them, and prints what they say.
func (c *discoverCmd) Run(ctx context.Context, a *app) error {
	if c.Timeout <= 0 {
		return usagef("--timeout %s: must be more than 0", c.Timeout)
	}
	if len(c.Hosts) > 0 && len(c.Interface) > 0 {
		return usagef("either hosts or --interface")
	}
	if c.YAML && c.Username == "" {
		return usagef("--yaml: the URLs of streams are shown only to an account: give --username and --password-file")
	}
	password := ""
	if c.PasswordFile != "" {
		if c.Username == "" {
			return usagef("--password-file: a password needs --username")
		}
		s, err := secretReader(a.stdin)(c.PasswordFile)
		if err != nil {
			return err
		}
		password = s.Reveal()
	}
	found, where, err := c.find(ctx)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	if len(found) == 0 {
		return nobody{where}
	}
	devices := askAll(ctx, found, c.Username, password)
	switch {
	case c.JSON:
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(devices); err != nil {
			return err
		}
	case c.YAML:
		c.printYAML(a.stdout, devices)
	default:
		c.printText(a.stdout, devices)
	}
	if !slices.ContainsFunc(devices, func(d device) bool { return d.answers }) {
		return nobody{where}
	}
	return nil
}

// nobody says that no device has answered.
type nobody struct{ where string }

func (n nobody) Error() string { return "no ONVIF camera has answered: " + n.where }

// Hint implements what complain looks for.
func (nobody) Hint() string {
	return "switch ONVIF on in the cameras, let UDP port 3702 through the firewall of this machine, and name cameras behind a router"
}

// find asks the network, or the hosts that were named.
func (c *discoverCmd) find(ctx context.Context) (found []onvif.Found, where string, err error) {
	tctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if len(c.Hosts) > 0 {
		return c.locate(tctx), strings.Join(c.Hosts, ", "), nil
	}
	interfaces, err := multicastInterfaces(c.Interface)
	if err != nil {
		return nil, "", err
	}
	var names []string
	for _, ifc := range interfaces {
		names = append(names, ifc.Name)
	}
	found, err = onvif.Discover(tctx, interfaces)
	return found, strings.Join(names, ", "), err
}

// locate asks each host where its device service is; where none tells, it is taken
// to be where most are.
func (c *discoverCmd) locate(ctx context.Context) []onvif.Found {
	out := make([]onvif.Found, len(c.Hosts))
	var asking sync.WaitGroup
	for i, host := range c.Hosts {
		asking.Go(func() {
			if strings.Contains(host, "://") {
				out[i].URL = host
				return
			}
			name := strings.Trim(host, "[]")
			f, err := onvif.Locate(ctx, name)
			if err != nil {
				at := host
				if strings.Contains(name, ":") && net.ParseIP(name) != nil {
					at = "[" + name + "]"
				}
				f.URL = "http://" + at + "/onvif/device_service"
			}
			out[i] = f
		})
	}
	asking.Wait()
	for i := range out {
		if u, err := url.Parse(out[i].URL); err == nil && !out[i].Address.IsValid() {
			out[i].Address, _ = netip.ParseAddr(u.Hostname())
		}
	}
	return out
}

// multicastInterfaces returns those named, or all that a camera may be found on.
func multicastInterfaces(names []string) ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	if len(names) > 0 {
		var out []net.Interface
		for _, name := range names {
			i := slices.IndexFunc(all, func(ifc net.Interface) bool { return ifc.Name == name })
			if i < 0 {
				return nil, usagef("--interface %s: there is no such network interface", name)
			}
			out = append(out, all[i])
		}
		return out, nil
	}
	out := slices.DeleteFunc(all, func(ifc net.Interface) bool {
		return ifc.Flags&net.FlagUp == 0 || ifc.Flags&net.FlagMulticast == 0 || ifc.Flags&net.FlagLoopback != 0 || !hasIPv4(ifc)
	})
	if len(out) == 0 {
		return nil, errors.New("no network interface of this machine carries multicast")
	}
	return out, nil
}

func hasIPv4(ifc net.Interface) bool {
	addrs, err := ifc.Addrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Is4()
	})
}

// askAll asks devices side by side.
func askAll(ctx context.Context, found []onvif.Found, username, password string) []device {
	out := make([]device, len(found))
	places := make(chan struct{}, askAtOnce)
	var asking sync.WaitGroup
	for i, f := range found {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			actx, cancel := context.WithTimeout(ctx, askFor)
			defer cancel()
			out[i] = ask(actx, f, username, password)
		})
	}
	asking.Wait()
	return out
}

// ask learns what one device tells, and why it tells no more.
func ask(ctx context.Context, f onvif.Found, username, password string) device {
	d := device{
		Address: f.Address, URL: f.URL, Interface: f.Interface, Location: f.Location,
		Manufacturer: f.Name, Model: f.Hardware, Streams: []stream{},
	}
	c, err := onvif.New(onvif.Config{
		URL: f.URL, Username: username, Password: password,
		// Who finds cameras has no certificates yet; the password stays hashed.
		HTTP: camhttp.New(camhttp.Config{Username: username, Password: password, TLS: anyCertificate()}),
	})
	if err != nil {
		d.Problem = err.Error()
		return d
	}
	skew, err := c.Skew(ctx)
	if err != nil && !errors.Is(err, onvif.ErrRefused) {
		d.Problem = problemOf(err, username)
		return d
	}
	d.answers, d.ClockAhead = true, skew.Seconds()
	info, err := c.Information(ctx)
	if err != nil {
		d.Problem = problemOf(err, username)
		return d
	}
	d.Manufacturer, d.Model, d.Firmware = info.Manufacturer, info.Model, info.FirmwareVersion
	profiles, err := c.Profiles(ctx)
	if err != nil {
		d.Problem = problemOf(err, username)
		return d
	}
	for _, p := range profiles[:min(len(profiles), mostStreams)] {
		if p.Codec == "" {
			continue
		}
		s := stream{Name: p.Name, Codec: p.Codec, Width: p.Width, Height: p.Height, FPS: p.FPS, GOP: p.GOP}
		if s.URL, err = c.StreamURI(ctx, p); err != nil {
			d.Problem = problemOf(err, username)
			continue
		}
		d.Streams = append(d.Streams, s)
	}
	return d
}

// problemOf says what a person can do, where something can be done.
func problemOf(err error, username string) string {
	switch {
	case errors.Is(err, onvif.ErrRefused) && username == "":
		return "wants an account: give --username and --password-file"
	case errors.Is(err, onvif.ErrRefused):
		return "refuses this user name or password; some makers keep ONVIF accounts apart from the others"
	}
	return err.Error()
}
