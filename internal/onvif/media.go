package onvif

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// Profile is one of a device's streams.
type Profile struct {
	Token, Name   string
	Codec         string // "H264", "H265", "JPEG", ...; "" for a profile without video
	Width, Height int    // pixels
	FPS           float64
	GOP           int // frames from key frame to key frame; 0 if not told

	service string // namespace of the service that told of it
}

// Profiles lists the streams. Media2 is asked where there is one: the older
// service hides H.265.
func (c *Client) Profiles(ctx context.Context) ([]Profile, error) {
	s, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	if s.media2 != nil {
		ps, err := c.profiles2(ctx, s.media2)
		if s.media == nil || errors.Is(err, ErrRefused) || err == nil && len(ps) > 0 {
			return ps, err
		}
	}
	return c.profiles1(ctx, s.media)
}

// encoder is the video encoder's configuration in either service.
type encoder struct {
	Encoding string
	Width    number `xml:"Resolution>Width"`
	Height   number `xml:"Resolution>Height"`
	FPS      number `xml:"RateControl>FrameRateLimit"`
	GOP      number `xml:"GovLength,attr"` // Media2
	GOP264   number `xml:"H264>GovLength"` // Media
}

// maxProfiles bounds what is read of a list; recorders have some hundred.
const maxProfiles = 512

func (p *Profile) take(token, name string, e *encoder, service string) {
	*p = Profile{Token: strings.TrimSpace(token), Name: plain(name), service: service}
	if e == nil {
		return
	}
	p.Codec = codecName(e.Encoding)
	p.Width, p.Height, p.FPS = int(e.Width), int(e.Height), float64(e.FPS)
	p.GOP = int(max(e.GOP, e.GOP264))
}

// codecName is the encoding in one spelling: Media has an enumeration, Media2
// the subtypes of IANA.
func codecName(s string) string { return plain(strings.ToUpper(s)) }

func (c *Client) profiles1(ctx context.Context, at *url.URL) ([]Profile, error) {
	var res struct {
		Profiles []struct {
			Token   string `xml:"token,attr"`
			Name    string
			Encoder *encoder `xml:"VideoEncoderConfiguration"`
		} `xml:"Body>GetProfilesResponse>Profiles"`
	}
	if err := c.ask(ctx, at, request{ns: nsMedia, name: "GetProfiles"}, &res); err != nil {
		return nil, err
	}
	out := make([]Profile, min(len(res.Profiles), maxProfiles))
	for i := range out {
		p := res.Profiles[i]
		out[i].take(p.Token, p.Name, p.Encoder, nsMedia)
	}
	return out, nil
}

func (c *Client) profiles2(ctx context.Context, at *url.URL) ([]Profile, error) {
	var res struct {
		Profiles []struct {
			Token   string `xml:"token,attr"`
			Name    string
			Encoder *encoder `xml:"Configurations>VideoEncoder"`
		} `xml:"Body>GetProfilesResponse>Profiles"`
	}
	if err := c.ask(ctx, at, request{ns: nsMedia2, name: "GetProfiles", body: "<Type>VideoEncoder</Type>"}, &res); err != nil {
		return nil, err
	}
	out := make([]Profile, min(len(res.Profiles), maxProfiles))
	for i := range out {
		p := res.Profiles[i]
		out[i].take(p.Token, p.Name, p.Encoder, nsMedia2)
	}
	return out, nil
}

// StreamURI returns the profile's RTSP URL, with the host where the device was
// reached.
func (c *Client) StreamURI(ctx context.Context, p Profile) (string, error) {
	s, err := c.find(ctx)
	if err != nil {
		return "", err
	}
	token := "<ProfileToken>" + escape(p.Token) + "</ProfileToken>"
	var uri string
	if p.service == nsMedia2 && s.media2 != nil {
		var res struct {
			URI string `xml:"Body>GetStreamUriResponse>Uri"`
		}
		err = c.ask(ctx, s.media2, request{ns: nsMedia2, name: "GetStreamUri", body: "<Protocol>RTSP</Protocol>" + token}, &res)
		uri = res.URI
	} else {
		var res struct {
			URI string `xml:"Body>GetStreamUriResponse>MediaUri>Uri"`
		}
		setup := `<StreamSetup><Stream xmlns="` + nsSchema + `">RTP-Unicast</Stream>` +
			`<Transport xmlns="` + nsSchema + `"><Protocol>RTSP</Protocol></Transport></StreamSetup>`
		err = c.ask(ctx, s.media, request{ns: nsMedia, name: "GetStreamUri", body: setup + token}, &res)
		uri = res.URI
	}
	if err != nil {
		return "", err
	}
	return c.rtspHere(uri)
}

// rtspHere puts the host of the device in place of the one it names, and leaves
// out a user name or password.
func (c *Client) rtspHere(uri string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(uri))
	if err != nil || u.Scheme != "rtsp" && u.Scheme != "rtsps" || u.Host == "" {
		return "", errOp("GetStreamUri", ErrNotONVIF)
	}
	host := c.device.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host, u.User = host, nil
	return u.String(), nil
}

// Synchronize asks for a key frame of a profile as soon as possible
// (SetSynchronizationPoint).
func (c *Client) Synchronize(ctx context.Context, p Profile) error {
	s, err := c.find(ctx)
	if err != nil {
		return err
	}
	at, ns := s.media, nsMedia
	if p.service == nsMedia2 && s.media2 != nil || at == nil {
		at, ns = s.media2, nsMedia2
	}
	var res struct {
		Done *struct{} `xml:"Body>SetSynchronizationPointResponse"`
	}
	return c.ask(ctx, at, request{
		ns: ns, name: "SetSynchronizationPoint", body: "<ProfileToken>" + escape(p.Token) + "</ProfileToken>",
	}, &res)
}
