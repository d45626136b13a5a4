package whip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	sdpType      = "application/sdp"
	maxBody      = 1 << 20  // bytes of an answer; LiveKit bounds offers alike
	maxErrorBody = 64 << 10 // bytes of a body that is only shown
	maxHeader    = 64 << 10 // bytes of an answer's header
	maxRedirects = 10
)

// message is what a request carries beside its credentials.
type message struct {
	body        string
	contentType string
	ifMatch     string // as it is to be sent, quotes included; empty for none
}

// response is what came back, with its body read as far as it is wanted.
type response struct {
	status   int
	header   http.Header
	body     []byte
	url      *url.URL // of the request that was answered, after redirects
	redacted string   // url, fit for errors
	token    bool     // there were credentials
	withheld bool     // but the last request went to a host that may not see them
	secrets  []string // that an echo of the server's might contain
}

// do makes one request, following 307 and 308 with method and body as RFC 9725
// section 4.5 wants. The response is returned beside an error of its body, since
// a session may exist by then.
func (c *Client) do(ctx context.Context, method string, target *url.URL, msg message) (*response, error) {
	auth, secrets, err := c.authorization(ctx)
	if err != nil {
		return nil, err
	}
	secrets = append(secrets, c.secretSegments(target)...)
	visited := map[string]bool{}
	for hop := 0; ; hop++ {
		if visited[target.String()] {
			return nil, c.redirectError(method, target, 0, errors.New("redirects form a loop"))
		}
		visited[target.String()] = true
		send := auth
		if !c.mayHaveToken(target) {
			send = ""
		}
		res, resErr := c.roundTrip(ctx, method, target, msg, send)
		if res == nil {
			return nil, c.networkError(ctx, method, target, resErr)
		}
		res.token, res.withheld, res.secrets = auth != "", send != auth, secrets
		if res.status < 300 || res.status > 399 {
			return res, resErr
		}
		if target, err = c.redirect(method, target, res, hop); err != nil {
			return nil, err
		}
	}
}

// redirect returns the URL to go on with.
func (c *Client) redirect(method string, from *url.URL, res *response, hop int) (*url.URL, error) {
	fail := func(text string) error {
		return c.redirectError(method, from, res.status, errors.New(text))
	}
	if res.status != http.StatusTemporaryRedirect && res.status != http.StatusPermanentRedirect {
		return nil, fail("WHIP takes no other redirects than 307 and 308")
	}
	if hop >= maxRedirects {
		return nil, fail("too many redirects")
	}
	location := res.header.Get("Location")
	if location == "" {
		return nil, fail("a redirect without Location")
	}
	to, err := from.Parse(location)
	if err != nil || to.Hostname() == "" {
		return nil, fail("the Location of the redirect is not a URL")
	}
	switch {
	case to.Scheme != "https" && to.Scheme != "http":
		return nil, fail("a redirect away from HTTP")
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, fail("a redirect from https to http")
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	return to, nil
}

func (c *Client) redirectError(method string, at *url.URL, status int, err error) *Error {
	return &Error{Op: method, URL: redactURL(at), Status: status, Err: err, slow: true,
		hint: "check the endpoint's URL; it has to lead to the WHIP server itself, not to a page or a login"}
}

// authorization returns the header's value, and the strings in it that must not
// be shown.
func (c *Client) authorization(ctx context.Context) (header string, secrets []string, err error) {
	if c.cfg.Token != nil {
		token, err := c.cfg.Token(ctx)
		if err != nil {
			return "", nil, &Error{Op: "token", Err: err, hint: "check where the token comes from"}
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", nil, &Error{Op: "token", Err: errors.New("the token has characters that no token has"), slow: true,
				hint: "look for a space, a line break or a quote in the token"}
		}
		if token != "" {
			return "Bearer " + token, append(secrets, token), nil
		}
	}
	if c.userInfo != nil {
		password, _ := c.userInfo.Password()
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(c.userInfo.Username(), password)
		header := req.Header.Get("Authorization")
		return header, append(secrets, password, strings.TrimPrefix(header, "Basic ")), nil
	}
	return "", secrets, nil
}

// secretSegments are those of a URL's path that a server may echo and nobody may
// see: what looks like a key, and in a session URL all that is not the endpoint's.
func (c *Client) secretSegments(u *url.URL) []string {
	known := strings.Split(c.endpoint.Path, "/")
	var secrets []string
	for s := range strings.SplitSeq(u.Path, "/") {
		if looksSecret(s) || !slices.Contains(known, s) {
			secrets = append(secrets, s)
		}
	}
	return secrets
}

// mayHaveToken holds the credentials to the endpoint's host and those allowed.
func (c *Client) mayHaveToken(u *url.URL) bool {
	if c.endpoint.Scheme == "https" && u.Scheme != "https" {
		return false
	}
	if strings.EqualFold(u.Hostname(), c.endpoint.Hostname()) {
		return true
	}
	for _, h := range c.cfg.TokenHosts {
		if strings.EqualFold(h, u.Hostname()) || strings.EqualFold(h, u.Host) {
			return true
		}
	}
	return false
}

func (c *Client) roundTrip(ctx context.Context, method string, u *url.URL, msg message, auth string) (*response, error) {
	var reader io.Reader
	if msg.body != "" {
		reader = strings.NewReader(msg.body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if msg.body != "" {
		req.Header.Set("Content-Type", msg.contentType)
		req.Header.Set("Accept", msg.contentType)
	}
	if msg.ifMatch != "" {
		req.Header.Set("If-Match", msg.ifMatch)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	limit := int64(maxErrorBody)
	if res.StatusCode == http.StatusCreated {
		limit = maxBody
	}
	content, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(content)) > limit {
		content = content[:limit]
		if res.StatusCode == http.StatusCreated {
			err = fmt.Errorf("the answer is larger than %d bytes", limit)
		}
	}
	r := &response{status: res.StatusCode, header: res.Header, body: content, url: u, redacted: redactURL(u)}
	if err != nil {
		return r, c.bodyError(ctx, method, r, err)
	}
	return r, nil
}

func (c *Client) bodyError(ctx context.Context, method string, r *response, err error) error {
	if r.status != http.StatusCreated {
		return nil // the status says enough
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &Error{Op: method, URL: r.redacted, Status: r.status, Err: fmt.Errorf("reading the answer: %w", err)}
}
