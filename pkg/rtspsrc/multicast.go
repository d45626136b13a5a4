package rtspsrc

import (
	"errors"
	"fmt"
	"net"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

// gortsplib opens sockets for multicast by itself, where nothing can be put under
// its reordering. So it believes that it does unicast: the Transport header of
// SETUP is changed on its way out and back, and its sockets are exchanged for ones
// that have joined the group.

// multicast reports that the link asks for multicast.
func (l *link) multicast() bool { return l.proto == gortsplib.ProtocolUDPMulticast }

// clientProtocol is what gortsplib believes.
func (l *link) clientProtocol() *gortsplib.Protocol {
	p := l.proto
	if l.multicast() {
		p = gortsplib.ProtocolUDP
	}
	return &p
}

// askMulticast changes a SETUP request.
func (l *link) askMulticast(req *base.Request) {
	profile := "RTP/AVP"
	if l.secret.Load() {
		profile = "RTP/SAVP"
	}
	req.Header["Transport"] = base.HeaderValue{profile + ";multicast"}
}

// joinMulticast changes the answer to SETUP. If the group cannot be joined, the
// answer stays as it is, and gortsplib refuses it.
func (l *link) joinMulticast(res *base.Response) {
	var t headers.Transport
	if err := t.Unmarshal(res.Header["Transport"]); err != nil {
		return
	}
	answer, err := l.join(t)
	if err != nil {
		l.joinErr = err
		answer = "RTP/AVP;multicast"
	}
	res.Header["Transport"] = base.HeaderValue{answer}
}

func (l *link) join(t headers.Transport) (answer string, err error) {
	rtpSocket, rtcpSocket := l.rtpSocket.Load(), l.rtcpSocket.Load()
	ports := t.Ports
	if ports == nil {
		ports = t.ServerPorts
	}
	switch {
	case t.Delivery == nil || *t.Delivery != headers.TransportDeliveryMulticast:
		return "", errors.New("the camera does not offer multicast")
	case t.Destination2 == nil || ports == nil:
		return "", errors.New("the camera does not name the multicast group and its ports")
	case rtpSocket == nil || rtcpSocket == nil:
		return "", errors.New("there is no socket")
	}
	group := net.ParseIP(*t.Destination2)
	if !group.IsMulticast() {
		return "", errors.New("the camera names a destination that is no multicast group")
	}
	ifi, err := interfaceOf(l.client.NetConn())
	if err != nil {
		return "", err
	}
	for i, in := range []*datagramInlet{rtpSocket, rtcpSocket} {
		c, err := net.ListenMulticastUDP("udp", ifi, &net.UDPAddr{IP: group, Port: ports[i]})
		if err != nil {
			return "", err
		}
		onlyOwnGroup(c)
		in.use(c, l.src.cfg.UDPBuffer)
	}
	rtpSocket.silent = true
	source := ""
	if t.Source2 != nil {
		source = ";source=" + *t.Source2
	}
	profile := "RTP/AVP"
	if t.Profile == headers.TransportProfileSAVP {
		profile = "RTP/SAVP"
	}
	return fmt.Sprintf("%s;unicast%s;server_port=%d-%d", profile, source, ports[0], ports[1]), nil
}

// interfaceOf returns the interface that a connection goes through.
func interfaceOf(c net.Conn) (*net.Interface, error) {
	if c == nil {
		return nil, errors.New("the connection is closed")
	}
	local, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("a connection from %s has no interface", c.LocalAddr())
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for i := range ifs {
		addrs, err := ifs[i].Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(local.IP) {
				return &ifs[i], nil
			}
		}
	}
	return nil, fmt.Errorf("no interface has the address %s", local.IP)
}

// joinFailure is why the group was not joined.
func (l *link) joinFailure(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.joinErr != nil {
		return l.joinErr
	}
	return err
}
