//go:build linux

package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// proxy stands before the WHIP endpoint and hands requests on, unless it is told to
// refuse them or to leave them without an answer.
type proxy struct {
	to     *httputil.ReverseProxy
	server *http.Server
	url    string
	done   sync.WaitGroup

	mu      sync.Mutex
	refuses bool
	open    chan struct{} // closed, but while requests have to wait
}

// startProxy serves at a free port of an address.
func startProxy(host string, to *url.URL) (*proxy, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	p := &proxy{to: httputil.NewSingleHostReverseProxy(to), url: "http://" + l.Addr().String() + "/whip/v1", open: make(chan struct{})}
	close(p.open)
	p.to.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	p.done.Go(func() { _ = p.server.Serve(l) })
	return p, nil
}

// close breaks what is left.
func (p *proxy) close() error {
	err := p.server.Close()
	p.done.Wait()
	return err
}

// refuse answers every request with 503, or ends that.
func (p *proxy) refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = on
}

// stall lets requests wait until the returned function is called. One at a time.
func (p *proxy) stall() (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := make(chan struct{})
	p.open = open
	return func() { close(open) }
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	refuses, open := p.refuses, p.open
	p.mu.Unlock()
	select {
	case <-open:
	case <-r.Context().Done():
		return
	}
	if refuses {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	p.to.ServeHTTP(w, r)
}
