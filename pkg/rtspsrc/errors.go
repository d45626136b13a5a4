package rtspsrc

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// What an [*Error] may wrap, for errors.Is.
var (
	// ErrStalled: the connection lives, but no video arrives.
	ErrStalled = errors.New("no video packet arrives")
	// ErrNoVideo: the description has no video track.
	ErrNoVideo = errors.New("the stream has no video track")
	// ErrCodec: there is video, but not of the codec that Config.VideoCodec asks for.
	ErrCodec = errors.New("the video has another codec")
	// ErrNotRTSP: whatever answers on that port, it does not speak RTSP.
	ErrNotRTSP = errors.New("the answer is not RTSP")
	// ErrCertificate: the camera's certificate is not trusted, or not the pinned one.
	ErrCertificate = errors.New("the camera's certificate is not trusted")
	// ErrOldMedia: the video of an earlier session arrives where answers should.
	ErrOldMedia = errors.New("the camera still sends the video of an earlier session")
	// ErrRedirected: the camera has asked us to go elsewhere; the next Open does.
	ErrRedirected = errors.New("the camera redirects the session")
	// ErrEnded: the camera has ended the session in due form.
	ErrEnded = errors.New("the camera has ended the session")
	// ErrClosed: the session was closed by its owner.
	ErrClosed = errors.New("session closed")
	// ErrURL: the configured URL cannot be used.
	ErrURL = errors.New("bad camera URL")
)

// Error is what went wrong between us and the camera.
type Error struct {
	// Op is the step that failed: "url" and "config" come from New, "open", "dial",
	// "tls" and "describe" from Open, "setup" and "play" from Play, "receive" from
	// a session that was playing, "key frame" from RequestKeyFrame.
	Op string
	// URL is the camera's, without user info and with secrets in it blanked.
	URL string
	// Status is the RTSP status code that the camera answered with, 0 if none.
	Status int
	// Err is the cause.
	Err error

	hint       string
	slow       bool
	retryAfter time.Duration
}

// Error returns one line without any secret, such as
// "describe rtsp://10.0.0.11/stream1: 401 Unauthorized".
func (e *Error) Error() string {
	cause := "failed"
	if e.Err != nil {
		cause = printable(redact(e.Err.Error()))
	}
	if e.URL == "" {
		return e.Op + ": " + cause
	}
	return e.Op + " " + e.URL + ": " + cause
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint tells the person who can do something about it what that is, in lower case and
// without a full stop, or is "".
func (e *Error) Hint() string { return e.hint }

// Slow reports that trying again is useless, or even harmful, until a person has
// changed something.
func (e *Error) Slow() bool { return e.slow }

// RetryAfter is how long the camera asked us to stay away, 0 if it did not.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// statusError is a camera's answer other than 200.
type statusError struct {
	code int
	text string
}

func (e statusError) Error() string {
	text, ok := base.StatusMessages[base.StatusCode(e.code)]
	if !ok {
		text = e.text
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", e.code, text))
}

// printable keeps a foreign text on one short line.
func printable(s string) string {
	const limit = 300
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}
