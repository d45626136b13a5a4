package whip

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrClosed is the end of a session that its own side closed.
var ErrClosed = errors.New("session closed")

// Error is what went wrong with a session, in a form fit for a log: no token, no
// session URL, nothing of an endpoint's path that looks like a key.
type Error struct {
	// Op is the step: "config", "offer", "token", "POST", "answer", "ICE", "DTLS",
	// "session" (its end after it was connected), "PATCH" or "DELETE".
	Op string
	// URL is the endpoint's, redacted; empty where no server was concerned.
	URL string
	// Status is the HTTP status, 0 if there was no response.
	Status int
	// Detail is the server's own explanation, shortened to one line.
	Detail string
	// Err is the cause, if there is one besides the status.
	Err error

	hint       string
	slow       bool
	retryAfter time.Duration
}

// Error returns one line: "POST https://host/w: 401 Unauthorized: no permission".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.URL != "" {
		b.WriteString(" " + e.URL)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if text := http.StatusText(e.Status); text != "" {
			b.WriteString(" " + text)
		}
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint is one sentence about what a person could change, empty if nothing.
func (e *Error) Hint() string { return e.hint }

// Slow tells that trying again soon is pointless: a person has to act first.
func (e *Error) Slow() bool { return e.slow }

// RetryAfter is how long to wait at least before the next attempt: because the server
// asked for it, or because the network was full. 0 leaves that to the caller.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }
