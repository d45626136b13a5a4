package keyframe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/internal/onvif"
)

// Camera is what the ways over HTTP need to know. Only the host of its address is
// ever spoken to.
type Camera struct {
	RTSP *url.URL // of the stream
	// Web is the address of its web server; nil: http at the stream's host.
	// With a path it is that of the ONVIF device service.
	Web                *url.URL
	Username, Password string
	HTTP               *http.Client // from camhttp.New with this account
}

// Makers show in the paths of their streams. Their own ways are left alone on the
// cameras of others, which take such a request for an attack, or for a wrong password.
var (
	axisPath   = regexp.MustCompile(`(?i)/media\.amp$`)
	hikPath    = regexp.MustCompile(`(?i)/Streaming/(?:Channels|tracks|Unicast/Channels)/(\d{1,6})/?$`)
	hikOldPath = regexp.MustCompile(`(?i)/(?:h26[45]|mpeg4)/ch(\d{1,3})/(main|sub)/av_stream$`)
	hanwhaPath = regexp.MustCompile(`(?i)(?:/(\d{1,3}))?/profile(\d{1,3})/media\.smp$`)
)

// may reports whether a way is worth a try on this camera.
func (c Camera) may(w Way) bool {
	path := c.RTSP.Path
	switch w {
	case Axis:
		return axisPath.MatchString(path)
	case ISAPI:
		return hikPath.MatchString(path) || hikOldPath.MatchString(path)
	case SUNAPI:
		return hanwhaPath.MatchString(path)
	}
	return true
}

// Asks are the ways over HTTP.
func (c Camera) Asks() map[Way]Ask {
	return map[Way]Ask{ISAPI: AtOnce(c.isapi), SUNAPI: AtOnce(c.sunapi), ONVIF: (&device{camera: c}).ask}
}

// at is a URL on the camera's web server.
func (c Camera) at(path, query string) *url.URL {
	u := url.URL{Scheme: "http", Host: hostOnly(c.RTSP), Path: path, RawQuery: query}
	if c.Web != nil {
		u.Scheme, u.Host = c.Web.Scheme, c.Web.Host
	}
	return &u
}

// hostOnly is a URL's host without port, with the brackets of an IPv6 address.
func hostOnly(u *url.URL) string {
	host, _, _ := strings.Cut(u.Hostname(), "%") // a zone is no part of HTTP
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// isapi is Hikvision's request, by the number of the channel and its stream: 101
// is the first channel's main stream.
func (c Camera) isapi(ctx context.Context) error {
	channel := "101"
	if m := hikPath.FindStringSubmatch(c.RTSP.Path); m != nil {
		channel = m[1]
	} else if m := hikOldPath.FindStringSubmatch(c.RTSP.Path); m != nil {
		channel = m[1] + "01"
		if strings.EqualFold(m[2], "sub") {
			channel = m[1] + "02"
		}
	}
	return c.do(ctx, http.MethodPut, c.at("/ISAPI/Streaming/channels/"+channel+"/requestKeyFrame", ""))
}

// sunapi is Hanwha's request, by channel, from 0 on, and profile, from 1 on.
func (c Camera) sunapi(ctx context.Context) error {
	channel, profile := "0", "2" // of a new camera, the first one with H.264
	if m := hanwhaPath.FindStringSubmatch(c.RTSP.Path); m != nil {
		profile = m[2]
		if m[1] != "" {
			channel = m[1]
		}
	}
	return c.do(ctx, http.MethodGet, c.at("/stw-cgi/media.cgi",
		"msubmenu=setsynchronizationpoint&action=control&Channel="+channel+"&Profile="+profile))
}

// do sends a request whose answer is its status.
func (c Camera) do(ctx context.Context, method string, u *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	switch s := res.StatusCode; {
	case s < 300:
		return nil
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return fmt.Errorf("%s: %d: %w", u.Path, s, ErrRefused)
	case s == http.StatusServiceUnavailable:
		return fmt.Errorf("%s: %s", u.Path, res.Status)
	default:
		return fmt.Errorf("%s: %d: %w", u.Path, s, ErrUnsupported)
	}
}

// onvifError says in this package's terms what has failed.
func onvifError(err error) error {
	var fault *onvif.Fault
	switch {
	case errors.Is(err, onvif.ErrRefused):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.Is(err, onvif.ErrNotONVIF), errors.As(err, &fault):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return err
}
