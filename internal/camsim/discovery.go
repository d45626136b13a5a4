package camsim

import (
	"encoding/xml"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Announced is a device that answers probes (WS-Discovery).
type Announced struct {
	Addr   string // that it answers from; of this machine
	XAddrs string // what it says its device service's addresses are
	Scopes string
}

// Announcer answers probes on one network interface.
type Announcer struct {
	conn *net.UDPConn
	done sync.WaitGroup
}

// discoveryGroup is where devices are asked (WS-Discovery, section 2.4).
var discoveryGroup = &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702}

// Announce answers for the devices until Close. Each answers every probe for a
// NetworkVideoTransmitter, and none that is for something else.
func Announce(ifc *net.Interface, devices ...Announced) (*Announcer, error) {
	conn, err := net.ListenMulticastUDP("udp4", ifc, discoveryGroup)
	if err != nil {
		return nil, fmt.Errorf("simulated device: %w", err)
	}
	a := &Announcer{conn: conn}
	a.done.Go(func() { a.serve(devices) })
	return a, nil
}

// Close ends answering and waits for that.
func (a *Announcer) Close() {
	_ = a.conn.Close()
	a.done.Wait()
}

func (a *Announcer) serve(devices []Announced) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := a.conn.ReadFromUDP(buf)
		if err != nil {
			return // closed
		}
		var probe struct {
			ID    string `xml:"Header>MessageID"`
			Types string `xml:"Body>Probe>Types"`
		}
		if xml.Unmarshal(buf[:n], &probe) != nil || !strings.HasSuffix(probe.Types, "NetworkVideoTransmitter") {
			continue
		}
		for i, d := range devices {
			answerProbe(from, d, probe.ID, i)
		}
	}
}

// answerProbe sends one device's answer from its own address.
func answerProbe(to *net.UDPAddr, d Announced, id string, number int) {
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(d.Addr)}, to)
	if err != nil {
		return // whoever asked has gone
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" `+
		`xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" `+
		`xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header><wsa:RelatesTo>%s</wsa:RelatesTo></SOAP-ENV:Header>`+
		`<SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:%08d-0000-0000-0000-000000000000</wsa:Address></wsa:EndpointReference>`+
		`<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>%s</d:Scopes><d:XAddrs>%s</d:XAddrs></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>`,
		id, number, d.Scopes, d.XAddrs)
}
