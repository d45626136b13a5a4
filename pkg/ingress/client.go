package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
)

// DefaultTimeout bounds one request to LiveKit's API.
const DefaultTimeout = 10 * time.Second

// maxPages ends a listing whose server never stops handing out page tokens.
const maxPages = 1000

// Config tells where LiveKit is and who asks.
type Config struct {
	// URL of the LiveKit server: wss://, ws://, https:// or http://, with a path
	// only if a proxy in front of it wants one.
	URL string
	// APIKey and APISecret are the pair from livekit-server's `keys:` or from
	// the settings of a LiveKit Cloud project.
	APIKey    string
	APISecret string
	// Timeout of one request; 0 means DefaultTimeout. Ensure makes up to six
	// requests, more where there are doubles to delete.
	Timeout time.Duration
	// HTTPClient replaces the SDK's own client, for instance to trust a private
	// certificate authority. The SDK's own one tries other regions of LiveKit
	// Cloud when one is down; this one does not.
	HTTPClient *http.Client
	// Logger gets changes made at LiveKit; nil means none.
	Logger *slog.Logger
}

// String keeps the secret out of anything that prints a Config.
func (c Config) String() string {
	return fmt.Sprintf("{URL:%s APIKey:%s APISecret:%s Timeout:%s}", printableURL(c.URL), c.APIKey, redacted, c.Timeout)
}

// GoString is String, for %#v.
func (c Config) GoString() string { return "ingress.Config" + c.String() }

// LogValue is String, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Client talks to one LiveKit server with one key. It is safe for concurrent use.
type Client struct {
	url     string // http or https, no trailing slash
	key     string
	secret  string
	timeout time.Duration
	http    *http.Client // nil: the SDK's own, for LiveKit Cloud
	log     *slog.Logger
	ingress *lksdk.IngressClient
	rooms   *lksdk.RoomServiceClient
	locks   locks
}

// New checks cfg and makes no request. Its errors are of type *Error.
func New(cfg Config) (*Client, error) {
	base, err := apiURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.APIKey == "" || cfg.APISecret == "" {
		missing := "API key"
		if cfg.APIKey != "" {
			missing = "API secret"
		}
		return nil, &Error{
			Op: "livekit", Reason: Invalid, detail: "no " + missing,
			hint: "give the key and the secret: livekit.api_key_file and livekit.api_secret_file, or LIVEKIT_API_KEY and LIVEKIT_API_SECRET",
		}
	}
	if cfg.Timeout < 0 {
		return nil, &Error{Op: "livekit", Reason: Invalid, detail: "negative timeout"}
	}
	c := &Client{
		url: base, key: cfg.APIKey, secret: cfg.APISecret,
		timeout: cfg.Timeout, http: cfg.HTTPClient, log: cfg.Logger,
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.http == nil && !cloud(base) {
		c.http = &http.Client{} // the SDK's own would only read more
	}
	var opts []twirp.ClientOption
	if c.http != nil {
		c.http = bounded(c.http)
		opts = append(opts, throughClient(base, c.http))
	}
	c.ingress = lksdk.NewIngressClient(base, c.key, c.secret, opts...)
	c.rooms = lksdk.NewRoomServiceClient(base, c.key, c.secret, opts...)
	return c, nil
}

// CloseIdleConnections drops kept connections. Call it when the box has changed
// its address: they are bound to the old one.
func (c *Client) CloseIdleConnections() {
	if c.http != nil {
		c.http.CloseIdleConnections()
		return
	}
	http.DefaultClient.CloseIdleConnections() // the SDK's clients share its transport
}

// throughClient sends the SDK's requests through hc. The SDK signs each request
// into the context and offers no way to set its HTTP client, so the last step
// of a call is taken over here.
func throughClient(base string, hc *http.Client) twirp.ClientOption {
	ing := livekit.NewIngressProtobufClient(base, hc)
	rooms := livekit.NewRoomServiceProtobufClient(base, hc)
	return twirp.WithClientInterceptors(func(next twirp.Method) twirp.Method {
		return func(ctx context.Context, req any) (any, error) {
			switch r := req.(type) {
			case *livekit.CreateIngressRequest:
				return ing.CreateIngress(ctx, r)
			case *livekit.UpdateIngressRequest:
				return ing.UpdateIngress(ctx, r)
			case *livekit.ListIngressRequest:
				return ing.ListIngress(ctx, r)
			case *livekit.DeleteIngressRequest:
				return ing.DeleteIngress(ctx, r)
			case *livekit.ListParticipantsRequest:
				return rooms.ListParticipants(ctx, r)
			case *livekit.UpdateParticipantRequest:
				return rooms.UpdateParticipant(ctx, r)
			case *livekit.RoomParticipantIdentity: // of two methods
				if method, _ := twirp.MethodName(ctx); method == "RemoveParticipant" {
					return rooms.RemoveParticipant(ctx, r)
				}
				return rooms.GetParticipant(ctx, r)
			}
			return next(ctx, req)
		}
	})
}

// failover tells whether a request may be tried again in another region.
type failover bool

// call makes one request within the client's timeout and turns its failure into
// an *Error. With failover on, LiveKit Cloud may get the request up to three
// times: right for what can be repeated, wrong for making an ingress.
func call[Req, Resp any](
	ctx context.Context, c *Client, op string, again failover,
	do func(context.Context, Req) (Resp, error), req Req,
) (Resp, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// The SDK takes the deadline off the context and gives it back in its own
	// transport, which a client of the caller's replaces.
	ctx = lksdk.WithFailover(ctx, bool(again) && c.http == nil)
	resp, err := do(ctx, req)
	if err != nil {
		var zero Resp
		return zero, c.explain(ctx, op, err)
	}
	return resp, nil
}

// State is what LiveKit says of an ingress. It is a hint, no proof: a crash
// leaves "publishing" behind, a refused request overwrites it.
type State string

// The states of an ingress.
const (
	Inactive   State = "inactive"
	Buffering  State = "buffering"  // a POST was accepted
	Publishing State = "publishing" // media has been seen
	Failed     State = "error"
)

// Live tells whether somebody publishes through the ingress.
func (s State) Live() bool { return s == Buffering || s == Publishing }

func stateOf(info *livekit.IngressInfo) State {
	switch info.GetState().GetStatus() {
	case livekit.IngressState_ENDPOINT_BUFFERING:
		return Buffering
	case livekit.IngressState_ENDPOINT_PUBLISHING:
		return Publishing
	case livekit.IngressState_ENDPOINT_ERROR:
		return Failed
	default:
		return Inactive
	}
}

// Info describes an ingress without its key.
type Info struct {
	ID          string
	Name        string // the marker, for ours; see Marker
	Room        string
	Identity    string
	DisplayName string
	Metadata    string
	WHIP        bool
	URL         string
	Enabled     bool
	State       State
	Problem     string // LiveKit's own words about State Failed
	ResourceID  string // the WHIP session it serves, where Ingress tells
}

func infoOf(i *livekit.IngressInfo) Info {
	return Info{
		ID: i.GetIngressId(), Name: i.GetName(), Room: i.GetRoomName(),
		Identity: i.GetParticipantIdentity(), DisplayName: i.GetParticipantName(),
		Metadata: i.GetParticipantMetadata(),
		WHIP:     i.GetInputType() == livekit.IngressInput_WHIP_INPUT,
		URL:      i.GetUrl(), Enabled: i.Enabled == nil || i.GetEnabled(),
		State: stateOf(i), Problem: i.GetState().GetError(), ResourceID: i.GetState().GetResourceId(),
	}
}

// List returns every ingress of room, or of the whole server if room is empty,
// those of others included.
func (c *Client) List(ctx context.Context, room string) ([]Info, error) {
	items, err := c.list(ctx, room)
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(items))
	for _, item := range items {
		infos = append(infos, infoOf(item))
	}
	return infos, nil
}

// Delete removes an ingress and ends its session. One that is gone already is
// no error.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, err := call(ctx, c, "DeleteIngress", true, c.ingress.DeleteIngress, &livekit.DeleteIngressRequest{IngressId: id})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// list gathers all pages. livekit-server answers in one, LiveKit Cloud in many.
func (c *Client) list(ctx context.Context, room string) ([]*livekit.IngressInfo, error) {
	var all []*livekit.IngressInfo
	req := &livekit.ListIngressRequest{RoomName: room}
	for range maxPages {
		resp, err := call(ctx, c, "ListIngress", true, c.ingress.ListIngress, req)
		if err != nil {
			return nil, err
		}
		all = append(all, resp.GetItems()...)
		next := resp.GetNextPageToken().GetToken()
		if next == "" || next == req.GetPageToken().GetToken() {
			return all, nil
		}
		req.PageToken = &livekit.TokenPagination{Token: next}
	}
	return nil, &Error{
		Op: "ListIngress", URL: c.url, Reason: Server,
		detail: fmt.Sprintf("more than %d pages of ingresses", maxPages),
	}
}
