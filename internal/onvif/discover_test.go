package onvif

import (
	"net/netip"
	"testing"
)

func match(id, xaddrs string) string {
	return `<E xmlns:a="a"><Header><a:RelatesTo>` + id + `</a:RelatesTo></Header><Body><ProbeMatches><ProbeMatch><Scopes>onvif://www.onvif.org/name/x</Scopes><XAddrs>` +
		xaddrs + `</XAddrs></ProbeMatch></ProbeMatches></Body></E>`
}

// Answers to nobody's question are not taken.
func TestForeignAnswers(t *testing.T) {
	from := netip.MustParseAddr("10.0.0.1")
	ours := map[string]bool{"urn:1": true}
	if got := parseMatches([]byte(match("urn:1", "http://10.0.0.1/")), from, ours); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	if got := parseMatches([]byte(match("urn:2", "http://10.0.0.1/")), from, ours); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
