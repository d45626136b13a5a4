package sdkroom

import (
	"net/url"
)

// Error is what went wrong with a session, in a form fit for a log.
type Error struct {
	Op  string // the step: config, token, join, publish, ICE or session
	URL string // of LiveKit, without user info; "" where it was not asked
	Err error

	hint string
	slow bool
}

// Error is one line: "join wss://host: unauthorized".
func (e *Error) Error() string {
	if e.URL == "" {
		return e.Op + ": " + e.Err.Error()
	}
	return e.Op + " " + e.URL + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what a person can do, "" if nothing.
func (e *Error) Hint() string { return e.hint }

// Slow tells that trying again soon is pointless.
func (e *Error) Slow() bool { return e.slow }

func printable(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return u.Scheme + "://" + u.Host
}
