package ingress

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

const (
	redacted     = "[redacted]"
	markerPrefix = "rtsp2whip"
)

// Marker is the name that our ingress of a camera carries:
// "rtsp2whip/<site>/<camera>", or "rtsp2whip/<camera>" for a site without a name.
// LiveKit keeps names but does not make them unique, so the marker is how a
// camera's ingress is found again. Characters that are special in a URL path are
// escaped, so every pair has one marker of its own.
//
// A site's name tells its ingresses from those of every other site at the same
// LiveKit. Without one, the same camera name in another room may be another
// site's, so nothing outside of a camera's room is touched.
func Marker(site, camera string) string {
	if site == "" {
		return markerPrefix + "/" + url.PathEscape(camera)
	}
	return markerPrefix + "/" + url.PathEscape(site) + "/" + url.PathEscape(camera)
}

// ParseMarker takes the name of an ingress apart; ok is false for one that
// Marker has not made.
func ParseMarker(name string) (site, camera string, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != markerPrefix {
		return "", "", false
	}
	camera, err := url.PathUnescape(parts[len(parts)-1])
	if err != nil {
		return "", "", false
	}
	if len(parts) == 3 {
		if site, err = url.PathUnescape(parts[1]); err != nil {
			return "", "", false
		}
	}
	return site, camera, Marker(site, camera) == name
}

// Spec is what a camera wants to be in LiveKit.
type Spec struct {
	// Name marks the camera's ingress; see Marker. RoomToken does not use it.
	Name string
	// Room and Identity are where the camera appears, and as whom. A second
	// participant of the same identity throws out the first.
	Room     string
	Identity string
	// DisplayName is what people read; empty means Identity.
	DisplayName string
	// Metadata goes to the participant as it is.
	Metadata string
	// Attributes go into a room token only: LiveKit's ingresses have none. See
	// Client.SetAttributes.
	Attributes map[string]string
	// WHIPURL replaces the URL that LiveKit returns for an ingress.
	WHIPURL string
}

func (s Spec) displayName() string {
	if s.DisplayName == "" {
		return s.Identity
	}
	return s.DisplayName
}

func (s Spec) check(op string, needName bool) error {
	missing := ""
	switch {
	case needName && s.Name == "":
		missing = "name"
	case s.Room == "":
		missing = "room"
	case s.Identity == "":
		missing = "identity"
	default:
		return nil
	}
	return &Error{Op: op, Reason: Invalid, detail: "no " + missing, hint: "give the camera a " + missing}
}

// StreamKey is the bearer token of a WHIP ingress: whoever has it can publish
// as the camera. It prints as "[redacted]".
type StreamKey string

// Reveal returns the key itself, for the Authorization header.
func (k StreamKey) Reveal() string { return string(k) }

// String hides the key.
func (k StreamKey) String() string {
	if k == "" {
		return ""
	}
	return redacted
}

// Format hides the key from every verb, %x and %#v included.
func (k StreamKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue hides the key from log/slog.
func (k StreamKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText hides the key from JSON and YAML.
func (k StreamKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Endpoint is where a camera's WHIP client sends its offer.
type Endpoint struct {
	IngressID string
	// URL takes the POST, with StreamKey as its bearer token.
	URL       string
	StreamKey StreamKey
	// State is what LiveKit said of the ingress before we publish: a live one
	// is another publisher's, or what is left of our last session.
	State State
}
