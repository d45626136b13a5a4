package rtspsrc

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

// reach connects to the camera and, where nothing lies between, waits until it has
// answered the first request. gortsplib's client, with its goroutines and buffers, is
// made only then: a camera that is switched off, or hangs, may be tried for months.
func (l *link) reach(ctx context.Context) error {
	in, err := l.connectFirst(ctx)
	if err != nil {
		return l.unreached(ctx, "dial", err)
	}
	l.reached = in
	if l.url.Scheme == "rtsps" || l.src.tunnel != gortsplib.TunnelNone {
		return nil
	}
	w := l.newWire(in)
	l.wire.Store(w)
	if err := l.greet(ctx, w); err != nil {
		_ = in.Close()
		return l.unreached(ctx, "describe", err)
	}
	return nil
}

func (l *link) connectFirst(ctx context.Context) (*inlet, error) {
	l.deadline = time.Now().Add(l.src.cfg.DialTimeout)
	ctx, cancel := context.WithDeadline(ctx, l.deadline)
	defer cancel()
	return l.connect(ctx, "tcp", l.src.hostPort(l.url))
}

// greet sends the request that gortsplib begins with, and waits for the first bytes of
// an answer, which it leaves where they are.
func (l *link) greet(ctx context.Context, w *wire) error {
	request := base.Request{Method: base.Options, URL: l.url, Header: base.Header{
		"CSeq": base.HeaderValue{"1"}, "User-Agent": base.HeaderValue{l.src.cfg.UserAgent},
	}}
	greeting, err := request.Marshal()
	if err != nil {
		return err
	}
	if err := w.SetDeadline(time.Now().Add(l.src.cfg.RequestTimeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := w.Write(greeting); err != nil {
		return err
	}
	w.greeting = greeting
	w.readMu.Lock()
	err = rawWire{w}.fill(&w.frames.in, 1)
	came := len(w.frames.in.data()) > 0
	w.readMu.Unlock()
	switch {
	case !stop():
		return ctx.Err()
	case came:
		return w.SetDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		return liberrors.ErrClientRequestTimedOut{}
	}
	return err
}

// unreached makes an *Error of why the camera was not reached.
func (l *link) unreached(ctx context.Context, op string, err error) *Error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	e := &Error{Op: op, URL: l.src.name, Err: err}
	l.explainCause(e)
	return e
}

// socket is the connection that there is already, or another one, and the rest of the
// time that connecting may take.
func (l *link) socket(ctx context.Context, network, addr string) (*inlet, context.Context, context.CancelFunc, error) {
	if in := l.reached; in != nil {
		l.reached = nil
		ctx, cancel := context.WithDeadline(ctx, l.deadline)
		return in, ctx, cancel, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.src.cfg.DialTimeout)
	in, err := l.connect(ctx, network, addr)
	return in, ctx, cancel, err
}
