package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TokenURLConfig says where room tokens are asked for.
type TokenURLConfig struct {
	// URL answers a GET with a token, as text or as JSON {"token": "...", "url":
	// "wss://..."}, where url, the LiveKit server, may be left out. The names
	// participant_token and server_url are taken too. https, or http on a loopback
	// address.
	URL string
	// Bearer returns what goes into the Authorization header; it is called once a
	// request. Nil, or an empty string, sends none.
	Bearer func() (string, error)
	// HTTPClient makes the requests; nil means http.DefaultClient. Its CheckRedirect
	// is not used.
	HTTPClient *http.Client
	// UserAgent is a header for the server's log.
	UserAgent string
	// Timeout of one request; 0 means DefaultTimeout.
	Timeout time.Duration
}

// TokenURL hands out tokens that a server of the operator's makes. It keeps each
// one until shortly before it expires. It is safe for concurrent use.
type TokenURL struct {
	cfg  TokenURLConfig
	http *http.Client
	now  func() time.Time

	slot chan struct{} // holds one element while a request runs

	mu   sync.Mutex
	kept IssuedToken
	till time.Time // zero: nothing is kept
}

// NewTokenURL checks cfg and makes no request.
func NewTokenURL(cfg TokenURLConfig) (*TokenURL, error) {
	bad := func(detail, hint string) (*TokenURL, error) {
		return nil, &Error{Op: "room token url", Reason: Invalid, detail: detail, hint: hint}
	}
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || !hasHost(u) || (u.Scheme != "https" && u.Scheme != "http"):
		return bad("not an https:// URL", "write it like https://tokens.example.com/gate")
	case u.User != nil:
		return bad("user name in the URL", "put a bearer token beside it")
	case !safeScheme(u):
		return bad("http:// would show the token to everybody on the way", "use https://")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	base := http.DefaultClient
	if cfg.HTTPClient != nil {
		base = cfg.HTTPClient
	}
	client := *base
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if !safeScheme(r.URL) || len(via) > 3 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &TokenURL{cfg: cfg, http: &client, now: time.Now, slot: make(chan struct{}, 1)}, nil
}

// safeScheme tells whether a token may travel there.
func safeScheme(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "wss" || loopback(u.Hostname())
}

// Token returns the kept token, or asks for one. While a token still has some of
// its life left, a server that does not answer does no harm.
func (t *TokenURL) Token(ctx context.Context) (IssuedToken, error) {
	if kept, ok := t.fresh(); ok {
		return kept, nil
	}
	select { // one request at a time; who has waited finds its answer
	case t.slot <- struct{}{}:
		defer func() { <-t.slot }()
	case <-ctx.Done():
		return IssuedToken{}, t.fail(ctx.Err())
	}
	if kept, ok := t.fresh(); ok {
		return kept, nil
	}
	token, err := t.ask(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if !t.till.IsZero() && t.now().Before(t.kept.Expires) {
			return t.kept, nil
		}
		return IssuedToken{}, err
	}
	t.kept, t.till = token, keepTill(token, t.now())
	return token, nil
}

// Forget makes the next call of Token ask.
func (t *TokenURL) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.till = IssuedToken{}, time.Time{}
}

func (t *TokenURL) fresh() (IssuedToken, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept, !t.till.IsZero() && t.now().Before(t.till)
}

// keepTill is when another token is asked for: a minute before the end, or a
// quarter of the rest of its life if that is shorter. One without an end is
// asked for again after an hour, so that it can be taken away.
func keepTill(token IssuedToken, now time.Time) time.Time {
	if token.Expires.IsZero() {
		return now.Add(time.Hour)
	}
	return token.Expires.Add(-min(time.Minute, token.Expires.Sub(now)/4))
}

func (t *TokenURL) ask(ctx context.Context) (IssuedToken, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.cfg.URL, nil)
	if err != nil {
		return IssuedToken{}, t.fail(err)
	}
	req.Header.Set("Accept", "application/json, text/plain, application/jwt")
	if t.cfg.UserAgent != "" {
		req.Header.Set("User-Agent", t.cfg.UserAgent)
	}
	if t.cfg.Bearer != nil {
		bearer, err := t.cfg.Bearer()
		if err != nil {
			return IssuedToken{}, &Error{Op: opTokenURL, URL: t.site(), Reason: Invalid, detail: "the bearer token cannot be read",
				hint: "check room_token.bearer_file", err: err}
		}
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return IssuedToken{}, t.fail(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxToken+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		return IssuedToken{}, t.refused(resp)
	case err != nil:
		return IssuedToken{}, t.fail(err)
	case len(body) > maxToken:
		return IssuedToken{}, t.error(Invalid, resp.StatusCode, "the answer is too long for a token")
	}
	return t.read(body)
}

const opTokenURL = "room token url" // #nosec G101 -- what is being done

// read takes the token, and the server's URL, out of an answer.
func (t *TokenURL) read(body []byte) (IssuedToken, error) {
	token, server, ok := tokenOf(body)
	if !ok {
		return IssuedToken{}, t.error(Invalid, 0, "the answer holds no token")
	}
	issued, err := parseIssued(opTokenURL, token, "check what the server at room_token.token_url makes", t.now())
	var e *Error
	if errors.As(err, &e) {
		e.URL = t.site()
		return IssuedToken{}, e
	}
	if server != "" {
		u, err := serverURL(server)
		if err != nil {
			return IssuedToken{}, t.error(Invalid, 0, "the url in the answer is not that of a LiveKit server")
		}
		if !safeScheme(u) {
			return IssuedToken{}, t.error(Invalid, 0, "the url in the answer is neither wss:// nor https://")
		}
		issued.ServerURL = u.String()
	}
	return issued, nil
}

// tokenOf reads an answer: a token as it is, as a JSON text, or in a JSON object.
func tokenOf(body []byte) (token, server string, ok bool) {
	text := strings.TrimSpace(string(body))
	switch {
	case strings.HasPrefix(text, `"`):
		ok = json.Unmarshal([]byte(text), &token) == nil
		return token, "", ok && token != ""
	case strings.HasPrefix(text, "{"):
		var a struct {
			Token            string `json:"token"`
			URL              string `json:"url"`
			ParticipantToken string `json:"participant_token"`
			ServerURL        string `json:"server_url"`
		}
		if json.Unmarshal([]byte(text), &a) != nil {
			return "", "", false
		}
		if a.Token == "" {
			a.Token = a.ParticipantToken
		}
		if a.URL == "" {
			a.URL = a.ServerURL
		}
		return a.Token, a.URL, a.Token != ""
	}
	return text, "", text != ""
}

// refused explains a status other than 200. Nothing of the answer is shown: it is
// not known what a stranger's server puts there.
func (t *TokenURL) refused(resp *http.Response) *Error {
	e := t.error(Invalid, resp.StatusCode, strings.ToLower(http.StatusText(resp.StatusCode)))
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Reason, e.hint = Unauthorized, "check room_token.bearer_file against what the token server wants"
	case status == http.StatusNotFound:
		e.hint = "check room_token.token_url: the token server has nothing there for this camera"
	case status >= 300 && status < 400:
		e.hint = "put the address behind the redirect into room_token.token_url; it must be https://"
	case status == http.StatusTooManyRequests:
		e.Reason, e.hint = Busy, ""
	case status >= 500:
		e.Reason, e.hint = Server, "the token server failed: its log says why"
	}
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		e.retryAfter = time.Duration(min(n, 3600)) * time.Second
	}
	return e
}

// fail explains why there was no answer. What net/http says repeats the URL, which
// may hold a secret, so only its cause is looked at.
func (t *TokenURL) fail(err error) *Error {
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err
	}
	e := &Error{Op: opTokenURL, URL: t.site()}
	switch {
	case errors.Is(err, context.Canceled):
		e.Reason, e.detail, e.err = Canceled, "canceled", context.Canceled
		return e
	case errors.Is(err, context.DeadlineExceeded):
		e.Reason, e.detail, e.err = Timeout, "no answer in time", context.DeadlineExceeded
	default:
		(&Client{}).explainTransport(e, err) // which knows nothing of LiveKit, but for its hints
		if e.Reason == TLS {
			e.hint = strings.ReplaceAll(e.hint, "livekit.url", "room_token.token_url")
			return e
		}
	}
	e.hint = "check room_token.token_url, and that this machine reaches the token server"
	return e
}

func (t *TokenURL) error(reason Reason, status int, detail string) *Error {
	return &Error{Op: opTokenURL, URL: t.site(), Reason: reason, Status: status, detail: detail,
		hint: `the server at room_token.token_url must answer a GET with the token, or with {"token": "...", "url": "wss://..."}`}
}

// site is the URL as far as it may be shown: path and query may hold a secret.
func (t *TokenURL) site() string {
	u, err := url.Parse(t.cfg.URL)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s://%s", u.Scheme, u.Host)
}
