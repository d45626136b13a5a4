package ingress

import (
	"net"
	"net/url"
	"time"

	"github.com/livekit/protocol/auth"
)

// viewerPage is LiveKit's public page that joins any room it is given a token for.
const viewerPage = "https://meet.livekit.io/custom"

// RoomToken mints the token with which a camera publishes at ServerWHIPURL. It
// lets its bearer join spec.Room as spec.Identity and publish, nothing else.
// livekit-server checks it again at every PATCH and DELETE of the session, so
// mint a fresh one for each request.
func (c *Client) RoomToken(spec Spec, ttl time.Duration) (string, error) {
	if err := spec.check("room token", false); err != nil {
		return "", err
	}
	grant := &auth.VideoGrant{RoomJoin: true, Room: spec.Room}
	grant.SetCanPublish(true)
	grant.SetCanSubscribe(false) // or the server would send the camera all the others
	grant.SetCanPublishData(false)
	return c.sign("room token", ttl, auth.NewAccessToken(c.key, c.secret).
		SetIdentity(spec.Identity).
		SetName(spec.displayName()).
		SetMetadata(spec.Metadata).
		SetAttributes(spec.Attributes).
		SetVideoGrant(grant))
}

// ViewerToken mints a token that lets its bearer watch room and do nothing else.
// identity must not be a camera's: LiveKit would throw the camera out.
func (c *Client) ViewerToken(room, identity string, ttl time.Duration) (string, error) {
	if err := (Spec{Room: room, Identity: identity}).check("viewer token", false); err != nil {
		return "", err
	}
	grant := &auth.VideoGrant{RoomJoin: true, Room: room}
	grant.SetCanPublish(false)
	grant.SetCanSubscribe(true)
	grant.SetCanPublishData(false)
	return c.sign("viewer token", ttl, auth.NewAccessToken(c.key, c.secret).
		SetIdentity(identity).
		SetVideoGrant(grant))
}

func (c *Client) sign(op string, ttl time.Duration, t *auth.AccessToken) (string, error) {
	if ttl <= 0 {
		return "", &Error{Op: op, Reason: Invalid, detail: "a lifetime of zero or less", hint: "give the token a lifetime, for example 1h"}
	}
	token, err := t.SetValidFor(ttl).ToJWT()
	if err != nil {
		return "", &Error{Op: op, Reason: Invalid, detail: "cannot be signed", err: err}
	}
	return token, nil
}

// Viewer is what a person needs to watch a room.
type Viewer struct {
	// Link opens the room on LiveKit's public viewer page. It holds the token.
	Link string
	// ServerURL (ws or wss) and Token are for any other LiveKit client.
	ServerURL string
	Token     string
	// Note says why a browser will not open Link, "" if it should.
	Note string
}

// ViewerLink mints a viewer token and wraps it into a link.
func (c *Client) ViewerLink(room, identity string, ttl time.Duration) (Viewer, error) {
	token, err := c.ViewerToken(room, identity, ttl)
	if err != nil {
		return Viewer{}, err
	}
	u, err := url.Parse(c.url)
	if err != nil {
		return Viewer{}, &Error{Op: "viewer link", Reason: Invalid, detail: "the server's URL cannot be parsed", err: err}
	}
	v := Viewer{Token: token}
	switch {
	case u.Scheme == "https":
		u.Scheme = "wss"
	case loopback(u.Hostname()):
		u.Scheme = "ws"
		v.Note = "LiveKit listens on a loopback address: open the link in a browser on the same machine"
	default:
		u.Scheme = "ws"
		v.Note = "browsers refuse ws:// from a page served over https: put TLS in front of LiveKit, or use the token with a page of your own"
	}
	v.ServerURL = u.String()
	q := url.Values{"liveKitUrl": {v.ServerURL}, "token": {token}}
	v.Link = viewerPage + "?" + q.Encode()
	return v, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
