package ingress

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer is how many bytes of an answer are read, after unpacking: some ten
// thousand ingresses or participants. The generated clients read whatever comes.
const maxAnswer = 16 << 20

// cloud tells whether the SDK's own client has other regions to try.
func cloud(base string) bool {
	u, err := url.Parse(base)
	return err == nil && strings.HasSuffix(strings.ToLower(u.Hostname()), ".livekit.cloud")
}

// bounded is hc for answers of bounded length.
func bounded(hc *http.Client) *http.Client {
	c := *hc
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.Transport = boundedTransport{next}
	return &c
}

type boundedTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = &boundedBody{ReadCloser: res.Body, left: maxAnswer}
	}
	return res, err
}

// CloseIdleConnections is what http.Client looks for.
func (b boundedTransport) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// boundedBody fails when more comes than may: half an answer is none.
type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)
	}
	return n, err
}
