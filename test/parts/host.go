package parts

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"time"
)

// hostOr is an address, or this machine's own.
func hostOr(host string) string { return cmp.Or(host, "127.0.0.1") }

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// prefixOf is the network of one address.
func prefixOf(host string) string {
	if strings.Contains(host, ":") {
		return host + "/128"
	}
	return host + "/32"
}

func dial(host string, port int) error {
	c, err := net.DialTimeout("tcp", hostPort(host, port), time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}
