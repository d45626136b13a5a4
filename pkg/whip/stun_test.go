package whip

import (
	"encoding/binary"
	"net"
	"slices"
	"testing"
)

// stunServer answers each binding request with a mapped address of 203.0.113.9:4660
// (RFC 8489 section 14.2).
func stunServer(t *testing.T) string {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if n < 20 || binary.BigEndian.Uint16(buf) != 0x0001 {
				continue
			}
			const cookie = 0x2112A442
			reply := make([]byte, 32)
			binary.BigEndian.PutUint16(reply, 0x0101) // success
			binary.BigEndian.PutUint16(reply[2:], 12)
			copy(reply[4:20], buf[4:20])
			binary.BigEndian.PutUint16(reply[20:], 0x0020) // XOR-MAPPED-ADDRESS
			binary.BigEndian.PutUint16(reply[22:], 8)
			reply[25] = 1 // IPv4
			binary.BigEndian.PutUint16(reply[26:], 4660^(cookie>>16))
			binary.BigEndian.PutUint32(reply[28:], 0xCB007109^cookie)
			_, _ = conn.WriteToUDP(reply, from)
		}
	}()
	return conn.LocalAddr().String()
}

// Candidates of a STUN server come from sockets of the ICE agent's own, beside
// the session's; all of them are gone afterwards, which the check for leaks in
// TestMain holds.
func TestServerReflexiveCandidates(t *testing.T) {
	text, _ := offerOf(t, Config{ICEServers: []ICEServer{{URL: "stun:" + stunServer(t)}}}, videoTrack)
	cands := candidates(text)
	if !slices.Contains(cands, "203.0.113.9:4660 (srflx)") {
		t.Errorf("candidates %v", cands)
	}
	if !slices.ContainsFunc(cands, func(c string) bool { return c[len(c)-6:] == "(host)" }) {
		t.Errorf("candidates %v", cands)
	}
}
