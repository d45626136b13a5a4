package rtspsrc_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

func TestDialErrors(t *testing.T) {
	op := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for name, tc := range map[string]struct {
		err        error
		text, hint string
	}{
		"refused":             {op(syscall.ECONNREFUSED), "refused", "nothing listens on port 554 of cam.example"},
		"no route to host":    {op(syscall.EHOSTUNREACH), "", "no way to cam.example"},
		"network unreachable": {op(syscall.ENETUNREACH), "", "no way to cam.example"},
		"timeout":             {op(syscall.ETIMEDOUT), "", "cam.example does not answer"},
		"our timeout":         {&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, "", "cam.example does not answer"},
		"reset":               {op(syscall.ECONNRESET), "closed the connection", "without a word"},
		"unknown name":        {&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "cam.example", IsNotFound: true}}, "no such host", "name cam.example is not known"},
		"DNS is down":         {&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "cam.example", IsTemporary: true}}, "misbehaving", "cam.example"},
	} {
		t.Run(name, func(t *testing.T) {
			e := refused(t, rtspsrc.Config{
				URL: "rtsp://u:p@cam.example/x", Username: "u", Password: "s3cr3t",
				DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
					if network != "tcp" || addr != "cam.example:554" {
						t.Errorf("dial %s %s", network, addr)
					}
					return nil, tc.err
				},
			})
			if e.Op != "dial" || e.Slow() || !errors.Is(e, tc.err) || e.RetryAfter() != 0 {
				t.Errorf("%v", e)
			}
			if !strings.Contains(e.Error(), tc.text) || !strings.Contains(e.Hint(), tc.hint) || strings.Contains(e.Error(), "s3cr3t") {
				t.Errorf("%v (hint %q)", e, e.Hint())
			}
		})
	}
}

func TestDialTimeout(t *testing.T) {
	begin := time.Now()
	e := refused(t, rtspsrc.Config{
		URL: "rtsps://192.0.2.1/x", DialTimeout: 50 * time.Millisecond,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done() // a host that is switched off
			return nil, ctx.Err()
		},
	})
	if e.Op != "dial" || !strings.Contains(e.Hint(), "192.0.2.1 does not answer") || time.Since(begin) > 30*time.Second {
		t.Errorf("%v (hint %q)", e, e.Hint())
	}
}
