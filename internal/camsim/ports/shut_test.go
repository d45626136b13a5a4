package ports

import (
	"net"
	"testing"
)

func TestShut(t *testing.T) {
	address, release, err := Shut("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Errorf("%s takes connections", address)
	}
	if l, err := net.Listen("tcp", address); err == nil {
		_ = l.Close()
		t.Errorf("%s is free for others", address)
	}
	if _, _, err := Shut("nowhere.invalid"); err == nil {
		t.Error("a host that is not here has ports")
	}
}
