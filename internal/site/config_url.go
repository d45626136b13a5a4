package site

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

// url checks a URL and returns nil if it is none. User info is looked at by
// the caller where it may be given (cameras), and refused elsewhere.
func (c *checker) url(path, raw, what string, schemes ...string) *url.URL {
	wanted := strings.Join(schemes, "://, ") + "://"
	if i := strings.LastIndex(wanted, ", "); i >= 0 {
		wanted = wanted[:i] + " or " + wanted[i+2:]
	}
	u, err := url.Parse(raw)
	// An "@" behind the host ends a password with "/", "?" or "#" in it.
	if strings.Contains(raw, "@") && (err != nil || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@")) {
		c.fail(path, "%s: not a URL as it stands: user name and password go beside it, into username and password_file", shownURL(raw))
		return nil
	}
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Opaque != "" {
		article := "a "
		if what == "RTSP" {
			article = "an "
		}
		c.fail(path, "%s: not %s%s URL (%s)", shownURL(raw), article, what, wanted)
		return nil
	}
	if u.Hostname() == "" || strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		c.fail(path, "%s: has no host", shownURL(raw))
		return nil
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			c.fail(path, "%s: not a port from 1 to 65535", shownURL(raw))
			return nil
		}
	}
	if u.User != nil && what != "RTSP" {
		c.fail(path, "%s: user name and password cannot be part of it", shownURL(raw))
		return nil
	}
	return u
}

// userInfo moves user name and password out of a camera's URL, so that the URL
// holds no secret from here on. They come before those of the defaults.
func (c *checker) userInfo(at func(string) string, cam *Camera, u *url.URL) {
	inherited := func(key string) bool { return strings.HasPrefix(at(key), "defaults.") }
	if inherited("username") {
		cam.Username = ""
	}
	if inherited("password") || inherited("password_file") {
		cam.Password, cam.PasswordFile = secret.Secret{}, ""
	}
	if cam.Username != "" || !cam.Password.Empty() || cam.PasswordFile != "" {
		c.fail(at("url"), "%s: has a user name, and so has the camera: give it once, as username and password", shownURL(cam.URL))
		return
	}
	cam.Username = u.User.Username()
	password, _ := u.User.Password()
	cam.Password = secret.New(password)
	// Cut out rather than printed anew: a camera may insist on its spelling.
	scheme, rest, _ := strings.Cut(cam.URL, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	cam.URL = scheme + "://" + rest[strings.LastIndexByte(rest[:end], '@')+1:]
}

// sub checks the URL of the smaller stream, which goes by the camera's one account,
// and returns its scheme.
func (c *checker) sub(at func(string) string, cam *Camera) string {
	if cam.SubURL == "" {
		return ""
	}
	u := c.url(at("sub_url"), cam.SubURL, "RTSP", rtspSchemes(cam.SubURL)...)
	switch {
	case u == nil:
		return ""
	case u.User != nil:
		c.fail(at("sub_url"), "%s: has a user name: leave it out, those of the camera are used", shownURL(cam.SubURL))
	case cam.SubURL == cam.URL:
		c.fail(at("sub_url"), "is the same as url: give the address of the camera's smaller stream, or none")
	case tunnelled(u.Scheme) && (cam.Transport == TransportUDP || cam.Transport == TransportMulticast):
		c.fail(at("transport"), "%s: cannot go through the tunnel of %s://", quoted(string(cam.Transport)), u.Scheme)
	}
	return u.Scheme
}
