package onvif

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// Where WS-Discovery listens (OASIS WS-Discovery 1.0, section 2.4).
const (
	discoveryPort = 3702
	discoveryIPv4 = "239.255.255.250"
)

// Found is a device that has answered a probe.
type Found struct {
	Address   netip.Addr // that the answer came from
	URL       string     // of its device service, at that address
	Name      string     // as its scopes say; often the maker's
	Hardware  string     // as its scopes say: the model
	Location  string     // as its scopes say
	Interface string     // that the answer came in by; "" where one host was asked

}

// Bounds of one search.
const (
	maxDatagram = 64 << 10
	maxFound    = 2048
)

// Discover asks all devices on the links of the given interfaces who they are, and
// collects the answers until ctx ends. Devices are sorted by address. It fails only
// if it could ask on none of the interfaces.
func Discover(ctx context.Context, interfaces []net.Interface) ([]Found, error) {
	if len(interfaces) == 0 {
		return nil, errors.New("onvif: no network interface to ask on")
	}
	var (
		mu    sync.Mutex
		found []Found
		errs  []error
		wg    sync.WaitGroup
	)
	to := &net.UDPAddr{IP: net.ParseIP(discoveryIPv4), Port: discoveryPort}
	for _, ifc := range interfaces {
		wg.Go(func() {
			err := probe(ctx, &ifc, to, func(f Found) {
				mu.Lock()
				defer mu.Unlock()
				found = merge(found, f)
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("onvif: probe on %s: %w", ifc.Name, err))
			}
		})
	}
	wg.Wait()
	if len(errs) == len(interfaces) {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(found, func(a, b Found) int { return a.Address.Compare(b.Address) })
	return found, nil
}

// Locate asks one host for the address of its device service, and returns the
// first answer, or an error when ctx ends.
func Locate(ctx context.Context, host string) (Found, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return Found{}, fmt.Errorf("onvif: locate: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var got *Found
	to := &net.UDPAddr{IP: ips[0].AsSlice(), Zone: ips[0].Zone(), Port: discoveryPort}
	err = probe(ctx, nil, to, func(f Found) {
		if f.Address == ips[0].Unmap() && got == nil {
			got = &f
			cancel()
		}
	})
	if got != nil {
		return *got, nil
	}
	if err == nil {
		err = errors.New("no answer")
	}
	return Found{}, fmt.Errorf("onvif: locate %s: %w", host, err)
}

// merge adds a device, or the second answer of one.
func merge(all []Found, f Found) []Found {
	for _, have := range all {
		if have.Address == f.Address && have.URL == f.URL {
			return all
		}
	}
	if len(all) >= maxFound {
		return all
	}
	return append(all, f)
}

// probe sends probes and reads answers until ctx ends.
func probe(ctx context.Context, ifc *net.Interface, to *net.UDPAddr, tell func(Found)) error {
	network, local := "udp4", &net.UDPAddr{}
	if to.IP.To4() == nil {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, local)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	name := ""
	if ifc != nil {
		name = ifc.Name
		p := ipv4.NewPacketConn(conn)
		if err := p.SetMulticastInterface(ifc); err != nil {
			return err
		}
		if err := p.SetMulticastTTL(1); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()

	var sending sync.WaitGroup
	defer sending.Wait()
	ours := map[string]bool{}
	probes := make([][]byte, 0, 2*len(deviceTypes))
	for range 2 { // datagrams get lost
		for _, t := range deviceTypes {
			id := "urn:uuid:" + uuid()
			ours[id] = true
			probes = append(probes, probeMessage(id, t))
		}
	}
	if _, err := conn.WriteToUDP(probes[0], to); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sending.Go(func() {
		for _, b := range probes[1:] {
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			_, _ = conn.WriteToUDP(b, to) // the first one has shown that it can
		}
	})
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return nil
		}
		var ne net.Error
		switch {
		case errors.As(err, &ne) && ne.Timeout():
			return nil
		case err != nil:
			return err
		}
		for _, f := range parseMatches(buf[:n], from.Addr().Unmap(), ours) {
			f.Interface = name
			tell(f)
		}
	}
}

// deviceTypes are what cameras are asked for as: most listen to the first name,
// some to the second only.
var deviceTypes = []string{"dn:NetworkVideoTransmitter", "tds:Device"}

func probeMessage(id, deviceType string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` +
		`<e:Envelope xmlns:e="` + nsEnvelope + `"` +
		` xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
		` xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"` +
		` xmlns:dn="http://www.onvif.org/ver10/network/wsdl"` +
		` xmlns:tds="` + nsDevice + `">` +
		`<e:Header><w:MessageID>` + id + `</w:MessageID>` +
		`<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>` +
		`<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>` +
		`<e:Body><d:Probe><d:Types>` + deviceType + `</d:Types></d:Probe></e:Body></e:Envelope>`)
}

// uuid is a random one (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// parseMatches reads an answer to one of our probes; none if it is anything else.
func parseMatches(datagram []byte, from netip.Addr, ours map[string]bool) []Found {
	var env struct {
		XMLName   xml.Name
		RelatesTo string `xml:"Header>RelatesTo"`
		Matches   []struct {
			Types  string
			Scopes string
			XAddrs string
		} `xml:"Body>ProbeMatches>ProbeMatch"`
	}
	if parse(datagram, &env) != nil || !ours[strings.TrimSpace(env.RelatesTo)] {
		return nil
	}
	var out []Found
	for _, m := range env.Matches[:min(len(env.Matches), 16)] {
		f := Found{Address: from}
		if f.URL = serviceAt(from, strings.Fields(m.XAddrs)); f.URL == "" {
			continue
		}
		for _, scope := range strings.Fields(m.Scopes) {
			rest, ok := strings.CutPrefix(scope, "onvif://www.onvif.org/")
			if !ok {
				continue
			}
			key, value, _ := strings.Cut(rest, "/")
			if decoded, err := url.PathUnescape(value); err == nil {
				value = decoded
			}
			switch key {
			case "name":
				f.Name = plain(value)
			case "hardware":
				f.Hardware = plain(value)
			case "location":
				f.Location = plain(strings.TrimPrefix(value, "country/"))
			}
		}
		out = append(out, f)
	}
	return out
}

// serviceAt picks the address of a device service, and puts the one that the answer
// came from into it: whoever answers must not send us, with a password, to others.
func serviceAt(from netip.Addr, xaddrs []string) string {
	var first string
	for _, x := range xaddrs {
		u, err := url.Parse(x)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			continue
		}
		ip, _ := netip.ParseAddr(u.Hostname())
		named := ip.Unmap() == from
		host := from.String()
		if from.Is6() {
			host = "[" + host + "]"
		}
		if port := u.Port(); port != "" {
			host += ":" + port
		}
		at := (&url.URL{Scheme: u.Scheme, Host: host, Path: u.Path}).String()
		if named {
			return at
		}
		if first == "" {
			first = at
		}
	}
	return first
}
