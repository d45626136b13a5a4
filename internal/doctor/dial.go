package doctor

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Bounds of single steps; all of them together have the whole run's.
const (
	resolveLimit = 3 * time.Second
	dialLimit    = 4 * time.Second
)

// resolve looks a host up.
func resolve(ctx context.Context, host string) (addrs []string, took time.Duration, err error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{host}, 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	began := time.Now()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for _, ip := range ips {
		addrs = append(addrs, ip.Unmap().String())
	}
	return addrs, time.Since(began), err
}

// resolved is a lookup's result.
func resolved(host string, addrs []string, took time.Duration) Result {
	if took == 0 {
		return good(0, "the URL has the address itself", Facts{"addresses": addrs})
	}
	text := strings.Join(addrs[:min(len(addrs), 4)], ", ")
	return good(took, host+" is "+text, Facts{"addresses": addrs})
}

const (
	nameHint    = "check the host name for typing errors, and which DNS server this box uses"
	refusedHint = "nothing listens on this port: check the port number, and whether the device is fully started"
	noRouteHint = "nothing answers at this address: check cable, power and address, and that this box is in the same network"
)

// dialHint tells a refusal from silence; the words are those of all systems.
func dialHint(err error) string {
	if strings.Contains(err.Error(), "refused") {
		return refusedHint
	}
	return noRouteHint
}

// dialer connects to a camera, and notes how that goes. It tells the account's fate
// from what passes by, as long as that is not encrypted.
type dialer struct {
	mu        sync.Mutex
	dialled   bool // at least once
	found     bool // the name's addresses
	connected bool
	at        time.Time // when connected
	scheme    string    // of the camera's challenge: "Digest", "Basic"; "" for none
	put       func(step string, r Result)
}

// DialContext is for rtspsrc.Config.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d.dialled = true
	addrs, took, err := resolve(ctx, host)
	if err != nil {
		d.put(stepResolve, bad(took, err, nameHint))
		return nil, err
	}
	d.found = true
	d.put(stepResolve, resolved(host, addrs, took))
	began := time.Now()
	c, err := dialAny(ctx, network, addrs, port)
	took = time.Since(began)
	if err != nil {
		d.put(stepConnect, bad(took, err, dialHint(err)))
		return nil, err
	}
	d.connected, d.at = true, time.Now()
	d.put(stepConnect, good(took, "to "+c.RemoteAddr().String()+" from "+c.LocalAddr().String(),
		Facts{"remote": c.RemoteAddr().String(), "local": c.LocalAddr().String()}))
	return &listener{Conn: c, dialer: d}, nil
}

// dialAny tries one address after the other.
func dialAny(ctx context.Context, network string, addrs []string, port string) (c net.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	one := net.Dialer{Timeout: dialLimit / time.Duration(len(addrs))}
	for _, a := range addrs {
		if c, err = one.DialContext(ctx, network, net.JoinHostPort(a, port)); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// listener listens in on a connection's beginning.
type listener struct {
	net.Conn
	dialer *dialer
	heard  []byte
	deaf   bool
}

// listenFor is how much of a connection is looked at.
const listenFor = 16 << 10

// Read implements net.Conn.
func (l *listener) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if !l.deaf && n > 0 {
		l.heard = append(l.heard, p[:n]...)
		l.hear()
	}
	return n, err
}

func (l *listener) hear() {
	const head = "\nwww-authenticate:"
	if i := bytes.Index(bytes.ToLower(l.heard), []byte(head)); i >= 0 {
		rest := bytes.TrimLeft(l.heard[i+len(head):], " ")
		if end := bytes.IndexAny(rest, " ,\r\n"); end > 0 {
			l.deaf = true
			d := l.dialer
			d.mu.Lock()
			switch scheme := string(rest[:end]); {
			case strings.EqualFold(scheme, "Digest"):
				d.scheme = "Digest"
			case strings.EqualFold(scheme, "Basic"):
				d.scheme = "Basic"
			}
			d.mu.Unlock()
		}
	}
	if len(l.heard) > listenFor {
		l.deaf = true
	}
	if l.deaf {
		l.heard = nil
	}
}

// challenge is how the camera asks for the account, "" if it did not, or not in the
// clear.
func (d *dialer) challenge() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.scheme
}
