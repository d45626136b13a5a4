package ports

import (
	"net"
	"testing"
)

func TestPair(t *testing.T) {
	rtp, rtcp, err := Pair("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = rtp.Close(), rtcp.Close() }()
	a, b := rtp.LocalAddr().(*net.UDPAddr).Port, rtcp.LocalAddr().(*net.UDPAddr).Port
	if a%2 != 0 || b != a+1 {
		t.Errorf("ports %d and %d", a, b)
	}
	if _, _, err := Pair("nowhere.invalid"); err == nil {
		t.Error("a host that is not here has ports")
	}
}
