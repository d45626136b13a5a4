package site

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

func (c *checker) cameras(cfg *Config) {
	if len(cfg.Cameras) == 0 && !c.failed("cameras") {
		c.fail("cameras", "missing: at least one camera is needed")
	}
	for i := range cfg.Cameras {
		cam := &cfg.Cameras[i]
		at := func(key string) string { return c.origin(i, key) }
		c.source(at, cam)
		c.timing(at, cam)
		c.target(at, cam, cfg.LiveKit)
		c.demand(at, cam)
	}
	c.unique(cfg.Cameras)
}

// origin returns the path to blame for a camera's value: the defaults if it
// came from there.
func (c *checker) origin(i int, key string) string {
	own, shared := fmt.Sprintf("cameras[%d].%s", i, key), "defaults."+key
	if _, given := c.at[own]; given {
		return own
	}
	if _, given := c.at[shared]; given {
		return shared
	}
	return own
}

func (c *checker) source(at func(string) string, cam *Camera) {
	if cam.Name == "" {
		c.missing(at("name"), "each camera needs a name of its own")
	} else if problem := nameProblem(cam.Name); problem != "" {
		c.fail(at("name"), "%s: %s", quoted(cam.Name), problem)
	}
	scheme := ""
	if cam.URL == "" {
		c.missing(at("url"), "the camera's RTSP URL")
	} else if u := c.url(at("url"), cam.URL, "RTSP", rtspSchemes(cam.URL)...); u != nil {
		scheme = u.Scheme
		if tunnelled(scheme) && (cam.Transport == TransportUDP || cam.Transport == TransportMulticast) {
			c.fail(at("transport"), "%s: cannot go through the tunnel of %s://", quoted(string(cam.Transport)), scheme)
		}
		if u.User != nil {
			c.userInfo(at, cam, u)
		}
	}
	if sub := c.sub(at, cam); encrypted(sub) {
		scheme = sub // tls is of use, even if to that one only
	}
	c.text(at("username"), cam.Username, 256)
	c.secret(at("password"), &cam.Password, at("password_file"), cam.PasswordFile, cam.Enabled)
	if cam.Username == "" && (!cam.Password.Empty() || cam.PasswordFile != "") {
		c.missing(at("username"), "a password needs one")
	}
	c.text(at("video_track"), cam.VideoTrack, 256)
	if cam.Web != "" {
		c.url(at("web"), cam.Web, "web", "http", "https")
	}
	c.tls(at, cam, scheme)
}

func (c *checker) tls(at func(string) string, cam *Camera, scheme string) {
	if cam.TLS.SHA256 != "" {
		if digits, ok := fingerprint(cam.TLS.SHA256); !ok {
			c.fail(at("tls.sha256"), "%s: not a SHA-256 fingerprint (64 hexadecimal digits, colons allowed)", quoted(cam.TLS.SHA256))
		} else {
			cam.TLS.SHA256 = digits
		}
		if cam.TLS.Insecure {
			c.fail(at("tls.insecure"), "contradicts sha256: give one of them")
		}
	}
	own := at("tls")
	secure := encrypted(scheme) || strings.HasPrefix(cam.Web, "https:")
	if _, given := c.at[own]; given && strings.HasPrefix(own, "cameras") && scheme != "" && !secure && cam.TLS != (TLS{}) {
		c.fail(own, "has no effect: the camera's url is %s://, not %s://", scheme, scheme+"s")
	}
}

// fingerprint returns the digits of a SHA-256, without colons.
func fingerprint(text string) (string, bool) {
	digits := strings.ToLower(strings.ReplaceAll(text, ":", ""))
	sum, err := hex.DecodeString(digits)
	return digits, err == nil && len(sum) == 32
}

// RTSP may go through HTTP or a WebSocket, plain or over TLS.
var tunnels = []string{"rtsp+http", "rtsp+https", "rtsp+ws", "rtsp+wss"}

// rtspSchemes are those to choose from, as far as the URL shows its kind.
func rtspSchemes(url string) []string {
	if strings.HasPrefix(url, "rtsp+") {
		return tunnels
	}
	return []string{"rtsp", "rtsps"}
}

func tunnelled(scheme string) bool { return slices.Contains(tunnels, scheme) }

func encrypted(scheme string) bool {
	return scheme == "rtsps" || scheme == "rtsp+https" || scheme == "rtsp+wss"
}

func (c *checker) timing(at func(string) string, cam *Camera) {
	c.duration(at("hold"), cam.Hold, 0, 10*time.Minute)
	c.duration(at("stall"), cam.Stall, time.Second, 5*time.Minute)
	c.duration(at("linger"), cam.Linger, 0, time.Hour)
}

// sdk checks what LiveKit's SDK can do.
func (c *checker) sdk(at func(string) string, cam *Camera, lk LiveKit) {
	if cam.Codec == CodecH265 {
		c.fail(at("codec"), "\"h265\": LiveKit's SDK does not tell its server about H.265, which then forwards none: set the camera to H.264, or use via: server")
	}
	if lk.TLS != (ServerTLS{}) && !c.failed("livekit.tls") {
		c.fail("livekit.tls", "has no effect on via: sdk: LiveKit's SDK trusts what the system trusts: add the authority there")
	}
	if cam.Pacing != 0 {
		c.fail(at("pacing"), "has no effect with via: sdk")
	}
}

// demand checks that a camera on demand has a room in which viewers can be seen.
func (c *checker) demand(at func(string) string, cam *Camera) {
	switch {
	case cam.Publish != PublishOnDemand:
	case cam.WHIP != nil:
		c.fail(at("publish"), "\"on_demand\": not possible with a whip block: only a LiveKit room tells who watches")
	case !cam.NeedsKeys():
		c.fail(at("publish"), "\"on_demand\": not possible with a room token: it takes an API key to ask who watches")
	}
}

func (c *checker) duration(path string, d Duration, least, most time.Duration) {
	if d.Std() < least || d.Std() > most {
		c.fail(path, "%s: must be from %s to %s", d, Duration(least), Duration(most))
	}
}

// target settles where the camera goes.
func (c *checker) target(at func(string) string, cam *Camera, lk LiveKit) {
	c.text(at("identity"), cam.Identity, 256)
	c.text(at("display_name"), cam.DisplayName, 256)
	if cam.RoomToken != nil {
		c.roomToken(at, cam, lk)
		return
	}
	cam.Identity = cmp.Or(cam.Identity, cam.Name)
	cam.DisplayName = cmp.Or(cam.DisplayName, cam.Name)
	if len(cam.Metadata) > 64000 {
		c.fail(at("metadata"), "longer than 64000 bytes")
	}
	c.attributes(at, cam.Attributes)
	if cam.WHIP != nil {
		c.whip(at, cam)
		return
	}
	c.text(at("room"), cam.Room, 256)
	cam.Via = cmp.Or(cam.Via, lk.Via)
	if cam.Codec == CodecH265 && cam.Via == ViaIngress {
		c.fail(at("codec"), "\"h265\": LiveKit Ingress takes H.264 only: set the camera to H.264, or use via: server or a whip block")
	}
	if cam.Via == ViaSDK {
		c.sdk(at, cam, lk)
	}
	cam.Room = cmp.Or(cam.Room, lk.Room)
	if cam.Room == "" && cam.Enabled && !c.failed("livekit") && !c.failed("livekit.room") {
		c.missing(at("room"), "give livekit.room, or a room here")
	}
}

// attributes checks what goes to a participant besides its metadata. LiveKit
// takes 64000 bytes of them in all.
func (c *checker) attributes(at func(string) string, attributes map[string]string) {
	size := 0
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		path := at("attributes") + "." + shownKey(key)
		size += len(key) + len(attributes[key])
		switch {
		case key == "":
			c.fail(path, "has no name")
		case strings.HasPrefix(key, "lk.") || strings.HasPrefix(key, "ingress."):
			c.fail(path, "names that begin with lk. or ingress. are LiveKit's own")
		default:
			c.text(path, key, 256)
		}
	}
	if size > 64000 {
		c.fail(at("attributes"), "longer than 64000 bytes in all")
	}
}

func (c *checker) whip(at func(string) string, cam *Camera) {
	cam.Via, cam.Room = ViaWHIP, ""
	if cam.WHIP.URL == "" {
		c.missing(at("whip.url"), "the URL of the WHIP endpoint")
	} else {
		c.url(at("whip.url"), cam.WHIP.URL, "WHIP", "https", "http")
	}
	c.serverTLS(at("whip.tls"), &cam.WHIP.TLS, cam.WHIP.URL)
	c.secret(at("whip.token"), &cam.WHIP.Token, at("whip.token_file"), cam.WHIP.TokenFile, cam.Enabled)
}

// unique finds what two cameras must not share: a second participant with the
// same identity throws the first one out of its room, and so without end.
func (c *checker) unique(cameras []Camera) {
	names, identities, endpoints, tokens := map[string]int{}, map[[2]string]int{}, map[[3]string]int{}, map[[2]string]int{}
	for i, cam := range cameras {
		at := func(key string) string { return fmt.Sprintf("cameras[%d].%s", i, key) }
		if first, taken := names[cam.Name]; taken && cam.Name != "" {
			c.fail(at("name"), "%s: already the name of cameras[%d]%s", quoted(cam.Name), first, c.line(first))
			continue
		}
		names[cam.Name] = i
		if w := cam.WHIP; w != nil {
			key := [3]string{w.URL, w.Token.Reveal(), w.TokenFile}
			if first, taken := endpoints[key]; taken && w.URL != "" {
				c.fail(at("whip"), "the same endpoint and token as cameras[%d]%s", first, c.line(first))
			}
			endpoints[key] = i
			continue
		}
		if r := cam.RoomToken; r != nil {
			key := [2]string{r.TokenFile, r.TokenURL}
			if first, taken := tokens[key]; taken && key != [2]string{} {
				c.fail(at("room_token"), "the same room token as cameras[%d]%s: each camera needs an identity of its own ({name} stands for the camera's name)", first, c.line(first))
			}
			tokens[key] = i
			continue
		}
		key := [2]string{cam.Room, cam.Identity}
		if first, taken := identities[key]; taken && cam.Identity != "" {
			c.fail(at("identity"), "%s: already in room %s as cameras[%d]%s", quoted(cam.Identity), quoted(cam.Room), first, c.line(first))
		}
		identities[key] = i
	}
}

func (c *checker) line(camera int) string {
	if pos, ok := c.at[fmt.Sprintf("cameras[%d]", camera)]; ok {
		return fmt.Sprintf(" (line %d)", pos.Line)
	}
	return ""
}

// nameProblem judges a camera's name. It becomes part of URLs, metrics and the
// names of ingresses, so it keeps to what needs no escaping there by eye.
func nameProblem(name string) string {
	const most = 64
	if len(name) > most {
		return fmt.Sprintf("longer than %d bytes", most)
	}
	for i, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
		case i > 0 && (unicode.IsMark(r) || strings.ContainsRune("-_.", r)):
		case i == 0:
			return "must begin with a letter or digit"
		default:
			return fmt.Sprintf(`%q is not allowed (letters, digits, "-", "_" and "."; display_name takes any)`, r)
		}
	}
	return ""
}

// text checks a value that LiveKit or a log shows as one line.
func (c *checker) text(path, s string, most int) {
	switch {
	case len(s) > most:
		c.fail(path, "longer than %d bytes", most)
	case strings.ContainsFunc(s, unicode.IsControl):
		c.fail(path, "%s: holds a control character", quoted(s))
	case strings.TrimSpace(s) != s:
		c.fail(path, "%s: begins or ends with a space", quoted(s))
	}
}

// shownURL is a URL as an error may show it.
func shownURL(raw string) string { return quoted(secret.URL(raw)) }
