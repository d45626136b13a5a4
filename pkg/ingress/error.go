package ingress

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Reason is the class of an Error, for programs.
type Reason string

// The reasons of an Error.
const (
	Invalid      Reason = "invalid"      // the configuration, or LiveKit refused a value
	Unauthorized Reason = "unauthorized" // key, secret, grant or clock
	NotFound     Reason = "not found"
	NoRedis      Reason = "no redis"    // livekit-server cannot manage ingresses without it
	NoWHIPURL    Reason = "no whip url" // ingress.whip_base_url is missing or wrong
	Disabled     Reason = "disabled"    // somebody switched the ingress off in LiveKit
	NotLiveKit   Reason = "not livekit" // something else answered at this URL
	TLS          Reason = "tls"
	Unreachable  Reason = "unreachable"
	Timeout      Reason = "timeout"
	Busy         Reason = "busy"   // 429, rate or capacity
	Server       Reason = "server" // LiveKit or the proxy before it failed
	Canceled     Reason = "canceled"
)

// ErrNotFound is what errors.Is finds in an Error of reason NotFound.
var ErrNotFound = errors.New("not found at LiveKit")

// Error is what every function of this package returns when it fails. It holds
// no key, secret, token or stream key.
type Error struct {
	Op     string // "CreateIngress", "whip url", ...
	URL    string // the server's, "" where none was asked
	Reason Reason
	Status int // HTTP status, 0 if there was no answer

	detail     string
	hint       string
	retryAfter time.Duration
	err        error
}

// Error is one sentence fragment: "CreateIngress https://host: 401: invalid API key".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.URL != "" {
		b.WriteString(" " + e.URL)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
	}
	b.WriteString(": ")
	if e.detail != "" {
		b.WriteString(e.detail)
	} else {
		b.WriteString(string(e.Reason))
	}
	return b.String()
}

// Hint is one sentence for a person: what to change. "" if there is nothing to do but wait.
func (e *Error) Hint() string { return e.hint }

// Slow tells that a person has to act first, so that trying again soon is of no use.
func (e *Error) Slow() bool {
	switch e.Reason {
	case Invalid, Unauthorized, NoRedis, NoWHIPURL, Disabled, NotLiveKit, TLS:
		return true
	default:
		return false
	}
}

// RetryAfter is the server's wish, 0 if none. LiveKit's API expresses none; a
// server that makes tokens may.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// Unwrap gives the failure of the network or the context, if that was the cause.
func (e *Error) Unwrap() error { return e.err }

// Is makes errors.Is(err, ErrNotFound) work.
func (e *Error) Is(target error) bool { return target == ErrNotFound && e.Reason == NotFound }

// mayHaveHappened tells whether a request that failed with err may have been
// carried out all the same.
func mayHaveHappened(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return true
	}
	switch e.Reason {
	case Invalid, Unauthorized, NoRedis, TLS, Busy:
		return false
	default:
		return true
	}
}

// wrapping is what the server's and the SDK's layers put in front of a message.
var wrapping = regexp.MustCompile(`^(?:twirp error [a-z_]+: |rpc error: code = \w+ desc = )+`)

var tokenLike = regexp.MustCompile(`[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`)

// tidy makes a message of the server's fit for a log line: one line, short, and
// without tokens, which some versions repeat in their answer, or the secret.
func (c *Client) tidy(msg string) string {
	msg = wrapping.ReplaceAllString(msg, "")
	msg = tokenLike.ReplaceAllString(msg, redacted)
	if c.secret != "" {
		msg = strings.ReplaceAll(msg, c.secret, redacted)
	}
	msg = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, msg)
	msg = strings.Join(strings.Fields(msg), " ")
	if runes := []rune(msg); len(runes) > 160 {
		msg = string(runes[:160]) + "..."
	}
	return msg
}
