// Package onvif is a small client of ONVIF devices: what they are, which streams
// they have and where, a request for a key frame, and how they are found on the
// network. It speaks SOAP 1.2 over HTTP as Core, Media and Media2 say.
//
// Devices are not trusted: answers are bounded in size and depth, and whatever
// address a device names, only the host it was reached at is ever spoken to.
package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camhttp"
)

// Config says where a device is and who asks.
type Config struct {
	// URL of its device service, such as http://10.0.0.11/onvif/device_service.
	URL string
	// Username and Password of an ONVIF account, which some makers keep apart
	// from the accounts for RTSP.
	Username, Password string
	// HTTP is to come from camhttp.New with the same account. Default: one for
	// plain http and valid certificates.
	HTTP *http.Client
}

// Client asks one device. It may be used from any goroutine. New does no I/O.
type Client struct {
	device             *url.URL
	username, password string
	http               *http.Client

	mu       sync.Mutex
	clock    time.Duration // the device's time less ours
	asked    bool          // clock was asked for
	services *services
}

// New checks the configuration.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("onvif: the address of the device service is no http or https URL")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/onvif/device_service"
	}
	u.User = nil
	if cfg.HTTP == nil {
		cfg.HTTP = camhttp.New(camhttp.Config{Username: cfg.Username, Password: cfg.Password})
	}
	return &Client{device: u, username: cfg.Username, password: cfg.Password, http: cfg.HTTP}, nil
}

// URL is the address of the device service.
func (c *Client) URL() string { return c.device.String() }

// Information is what a device says of itself.
type Information struct {
	Manufacturer    string
	Model           string
	FirmwareVersion string
	SerialNumber    string
}

// Information asks for make and model. It needs the account of a user.
func (c *Client) Information(ctx context.Context) (Information, error) {
	var res struct {
		Answer Information `xml:"Body>GetDeviceInformationResponse"`
	}
	err := c.ask(ctx, c.device, request{ns: nsDevice, name: "GetDeviceInformation"}, &res)
	i := res.Answer
	for _, s := range []*string{&i.Manufacturer, &i.Model, &i.FirmwareVersion, &i.SerialNumber} {
		*s = plain(*s)
	}
	return i, err
}

// Skew asks for the device's clock and returns how far it is ahead of ours. It
// needs no account: a device must tell its time to whoever cannot log in without.
func (c *Client) Skew(ctx context.Context) (time.Duration, error) {
	var res struct {
		UTC *dateTime `xml:"Body>GetSystemDateAndTimeResponse>SystemDateAndTime>UTCDateTime"`
	}
	before := time.Now()
	err := c.ask(ctx, c.device, request{ns: nsDevice, name: "GetSystemDateAndTime", open: true}, &res)
	if err != nil {
		return 0, err
	}
	if res.UTC == nil {
		return 0, errors.New("onvif: GetSystemDateAndTime: the answer has no UTC time")
	}
	after := time.Now()
	return res.UTC.time().Sub(before.Add(after.Sub(before) / 2)).Round(time.Second), nil
}

type dateTime struct {
	Hour   number `xml:"Time>Hour"`
	Minute number `xml:"Time>Minute"`
	Second number `xml:"Time>Second"`
	Year   number `xml:"Date>Year"`
	Month  number `xml:"Date>Month"`
	Day    number `xml:"Date>Day"`
}

func (d dateTime) time() time.Time {
	return time.Date(int(d.Year), time.Month(d.Month), int(d.Day), int(d.Hour), int(d.Minute), int(d.Second), 0, time.UTC)
}

// clockMoved asks for the clock again and tells whether it differs from what was
// known: a camera without a battery wakes up in the past.
func (c *Client) clockMoved(ctx context.Context) bool {
	skew, err := c.Skew(ctx)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	moved := (skew - c.clock).Abs() > 5*time.Second
	c.asked, c.clock = true, skew
	return moved
}

// deviceTime is the present time by the device's clock: it compares the time in a
// password digest with its own, and cameras without NTP are hours off. Where it
// does not tell, ours must do.
func (c *Client) deviceTime(ctx context.Context) (now time.Time, fresh bool) {
	c.mu.Lock()
	asked, clock := c.asked, c.clock
	c.mu.Unlock()
	if !asked {
		skew, err := c.Skew(ctx)
		if err == nil {
			clock = skew
		}
		c.mu.Lock()
		c.asked, c.clock = ctx.Err() == nil, clock
		c.mu.Unlock()
	}
	return time.Now().Add(clock), !asked
}

// services are the addresses of a device's services; nil for what it lacks.
type services struct{ media, media2 *url.URL }

// find asks for the device's services, once.
func (c *Client) find(ctx context.Context) (*services, error) {
	c.mu.Lock()
	known := c.services
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	s, err := c.getServices(ctx)
	lacks := err == nil && s.media == nil && s.media2 == nil
	if (lacks || err != nil && !errors.Is(err, ErrRefused)) && ctx.Err() == nil {
		s, err = c.getCapabilities(ctx) // older devices know nothing else
	}
	if err != nil {
		return nil, err
	}
	if s.media == nil && s.media2 == nil {
		return nil, errors.New("onvif: the device has no media service")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services = s
	return s, nil
}

func (c *Client) getServices(ctx context.Context) (*services, error) {
	var res struct {
		Services []struct {
			Namespace string
			XAddr     string
		} `xml:"Body>GetServicesResponse>Service"`
	}
	err := c.ask(ctx, c.device, request{
		ns: nsDevice, name: "GetServices", open: true, body: "<IncludeCapability>false</IncludeCapability>",
	}, &res)
	if err != nil {
		return nil, err
	}
	s := &services{}
	for _, svc := range res.Services {
		switch strings.TrimSpace(svc.Namespace) {
		case nsMedia:
			s.media = c.here(svc.XAddr)
		case nsMedia2:
			s.media2 = c.here(svc.XAddr)
		}
	}
	return s, nil
}

func (c *Client) getCapabilities(ctx context.Context) (*services, error) {
	var res struct {
		XAddr string `xml:"Body>GetCapabilitiesResponse>Capabilities>Media>XAddr"`
	}
	err := c.ask(ctx, c.device, request{
		ns: nsDevice, name: "GetCapabilities", open: true, body: "<Category>Media</Category>",
	}, &res)
	if err != nil || strings.TrimSpace(res.XAddr) == "" {
		return &services{}, err
	}
	return &services{media: c.here(res.XAddr)}, nil
}

// here turns an address that the device names into one at the host where it was
// reached: behind a router it names one that only its own network knows, and a
// hostile one could name somebody else's.
func (c *Client) here(xaddr string) *url.URL {
	u, err := url.Parse(strings.TrimSpace(xaddr))
	if err != nil || !strings.HasPrefix(u.Path, "/") {
		return nil
	}
	at := *c.device
	if u.Hostname() == at.Hostname() && u.Scheme == at.Scheme {
		at.Host = u.Host // perhaps with another port
	}
	at.Path, at.RawPath, at.RawQuery = u.Path, u.RawPath, u.RawQuery
	return &at
}

// plain makes a device's text fit for one line on a terminal.
func plain(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// errOp says which operation failed, if any.
func errOp(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("onvif: %s: %w", op, err)
}
