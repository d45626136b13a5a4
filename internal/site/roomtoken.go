package site

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

// LiveKitClient returns a client for LiveKit's API. It does no I/O.
func LiveKitClient(lk LiveKit, log *slog.Logger) (*ingress.Client, error) {
	client, err := httpClientOf(lk.TLS)
	if err != nil {
		return nil, fmt.Errorf("livekit: tls: %w", err)
	}
	c, err := ingress.New(ingress.Config{
		URL: lk.URL, APIKey: lk.APIKey.Reveal(), APISecret: lk.APISecret.Reveal(), HTTPClient: client, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("livekit: %w", err)
	}
	return c, nil
}

// named stands for the camera's name in the names of token files and URLs, so
// that one line under defaults does for all cameras.
const named = "{name}"

// roomToken checks a room_token block, and that its files can be read now.
func (c *checker) roomToken(at func(string) string, cam *Camera, lk LiveKit) {
	for _, key := range []string{"room", "identity", "display_name", "metadata", "attributes"} {
		path := at(key)
		if _, given := c.at[path]; given && strings.HasPrefix(path, "cameras") {
			c.fail(path, "has no effect beside room_token: the token says it")
		}
	}
	cam.Via = ViaServer
	if lk.Via == ViaSDK {
		cam.Via = ViaSDK
		c.sdk(at, cam, lk)
	}
	cam.Room, cam.Identity, cam.DisplayName, cam.Metadata, cam.Attributes = "", "", "", "", nil
	r := cam.RoomToken
	switch {
	case r.TokenFile != "":
		r.TokenFile = c.file(at("room_token.token_file"), strings.ReplaceAll(r.TokenFile, named, cam.Name), cam.Enabled)
	case r.TokenURL != "":
		r.TokenURL = strings.ReplaceAll(r.TokenURL, named, url.PathEscape(cam.Name))
		u := c.url(at("room_token.token_url"), r.TokenURL, "token", "https", "http")
		if u != nil && u.Scheme == "http" && !loopbackHost(u.Hostname()) {
			c.fail(at("room_token.token_url"), "%s: must be https://: the token could be read on the way", shownURL(r.TokenURL))
		}
	default:
		c.missing(at("room_token"), "give token_file or token_url")
	}
	c.serverTLS(at("room_token.tls"), &r.TLS, r.TokenURL)
	if r.BearerFile != "" {
		r.BearerFile = c.file(at("room_token.bearer_file"), r.BearerFile, cam.Enabled)
	}
	c.secret(at("room_token.bearer"), &r.Bearer, "", "", false)
	if r.TokenURL == "" && r.TokenFile != "" && (r.BearerFile != "" || !r.Bearer.Empty()) {
		c.fail(at("room_token"), "a bearer token has no effect without token_url")
	}
}

// file checks a file that is read again while the site runs, and returns its
// name as it can be opened from anywhere.
func (c *checker) file(path, name string, wanted bool) string {
	var s secret.Secret
	c.secret(path, &s, path, name, wanted)
	if c.from.Find == nil || name == "" {
		return name
	}
	return c.from.Find(name)
}

// byRoomToken makes t publish to livekit-server with tokens that others make.
func (t *target) byRoomToken(r RoomToken, lk LiveKit, log *slog.Logger) error {
	tokens, err := tokensOf(r, t.media.UserAgent)
	if err != nil {
		return err
	}
	t.name = "LiveKit server " + hostOf(lk.URL) + ", by room token"
	t.refusedHint = "livekit-server does not accept the room token: it is another server's, or its key has been withdrawn"
	t.moving, t.renewing, t.forget = true, true, tokens.Forget
	t.find = func(ctx context.Context) (address, error) {
		first, err := tokens.Token(ctx)
		if err != nil {
			return address{}, err
		}
		endpoint := lk.WHIPURL
		if endpoint == "" {
			server := lk.URL
			if first.ServerURL != "" {
				server = first.ServerURL
			}
			if endpoint, err = ingress.ServerWHIPURL(server); err != nil {
				return address{}, err
			}
		}
		return address{endpoint: endpoint, who: first.Room + "\x00" + first.Identity, token: func(ctx context.Context) (string, error) {
			token, err := tokens.Token(ctx)
			if err != nil {
				return "", err
			}
			if token.Identity != first.Identity || token.Room != first.Room {
				// LiveKit answers 404 to a PATCH or DELETE with it.
				log.Warn("the new room token is another participant's: the session can be neither kept nor ended with it",
					"identity", token.Identity, "room", token.Room, "was", first.Identity)
			}
			return token.Reveal(), nil
		}}, nil
	}
	return nil
}

func tokensOf(r RoomToken, userAgent string) (ingress.IssuedTokens, error) {
	if r.TokenFile != "" {
		return ingress.TokenFile(r.TokenFile), nil
	}
	tls, err := r.TLS.whip().Config()
	if err != nil {
		return nil, fmt.Errorf("room_token: tls: %w", err)
	}
	// A connection kept for the minutes until the next token would be bound to an
	// address that the box may have lost by then.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.DisableKeepAlives = tls, true
	return ingress.NewTokenURL(ingress.TokenURLConfig{
		URL: r.TokenURL, UserAgent: userAgent, HTTPClient: &http.Client{Transport: transport},
		Bearer: func() (string, error) {
			if r.BearerFile == "" {
				return r.Bearer.Reveal(), nil
			}
			bearer, err := secret.ReadFile(r.BearerFile)
			return bearer.Reveal(), err
		},
	})
}
