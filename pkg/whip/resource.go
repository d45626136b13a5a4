package whip

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// postOffer sends the offer. A response that may stand for a session is returned
// also beside an error.
func (c *Client) postOffer(ctx context.Context, offer string) (*response, error) {
	res, err := c.do(ctx, http.MethodPost, c.endpoint, message{body: offer, contentType: sdpType})
	if err != nil || res == nil {
		return res, err
	}
	if res.status != http.StatusCreated {
		return res, c.statusError(http.MethodPost, res)
	}
	fail := func(hint string, err error) error {
		return &Error{Op: http.MethodPost, URL: res.redacted, Status: res.status, Err: err, slow: true, hint: hint}
	}
	if t := res.header.Get("Content-Type"); t != "" {
		// A missing Content-Type is let pass if the body is an answer.
		if mt, _, err := mime.ParseMediaType(t); err != nil || mt != sdpType {
			return res, fail(hintNotWHIP, fmt.Errorf("the answer's type is %q, not %s", oneLine(t), sdpType))
		}
	}
	if len(res.body) == 0 {
		return res, fail(hintNotWHIP, errors.New("the answer is empty"))
	}
	if res.header.Get("Location") == "" {
		return res, fail(hintNotWHIP, errors.New("no Location: the server did not name the session"))
	}
	if sessionURL(res) == nil {
		return res, fail("the server's, or its proxy's, idea of its own public URL is wrong",
			errors.New("the Location is no URL that can be used"))
	}
	return res, nil
}

// sessionURL returns the URL of the session that a response created, nil if there
// is none. It is relative to the URL that answered (RFC 9110 section 10.2.2).
func sessionURL(res *response) *url.URL {
	location := res.header.Get("Location")
	if res.status < 200 || res.status > 299 || location == "" {
		return nil
	}
	u, err := res.url.Parse(location)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if res.url.Scheme == "https" && u.Scheme == "http" {
		if !strings.EqualFold(u.Hostname(), res.url.Hostname()) {
			return nil
		}
		// A server behind a proxy that ends TLS takes itself for plain http. The
		// way to it is the one that the POST took.
		u.Scheme, u.Host = res.url.Scheme, res.url.Host
	}
	return u
}

// deleteSession ends the session at the server, once. 404 and 405 are as good as
// success: there is nothing left, or the server ends sessions in another way.
func (c *Client) deleteSession(ctx context.Context, session *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Delete)
	defer cancel()
	res, err := c.do(ctx, http.MethodDelete, session, message{})
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.URL != "" {
			e.URL = sessionName(session)
		}
		return err
	}
	switch {
	case res.status >= 200 && res.status <= 299, res.status == http.StatusNotFound,
		res.status == http.StatusMethodNotAllowed, res.status == http.StatusGone:
		return nil
	}
	e := c.statusError(http.MethodDelete, res)
	e.URL = sessionName(session)
	return e
}

// sessionName stands for a session URL in errors and logs. LiveKit puts the
// stream key into the path, so no part of it is shown.
func sessionName(u *url.URL) string { return u.Scheme + "://" + u.Host + "/***" }
