package whiptest

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"sync"
)

// secrets are what clients of this process's servers have shown, or have been shown,
// and must not show to anyone else.
var secrets = struct {
	mu   sync.Mutex
	kept map[string]bool
}{kept: map[string]bool{StreamKey: true, TURNCredential: true}}

// Secrets returns the credentials that all servers of this process have seen or given
// so far: tokens, passwords, stream keys, TURN credentials, and the ICE passwords of
// either side. A test that looks for each of them in all that a client has printed
// holds the client to printing none.
func Secrets() []string {
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	return slices.Sorted(maps.Keys(secrets.kept))
}

// keepSecret leaves out what is so short that it may be a part of anything.
func keepSecret(s string) {
	const least = 6
	if len(s) < least {
		return
	}
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	secrets.kept[s] = true
}

// keepAuthorization keeps the credentials of a header field, in plain and as sent.
func keepAuthorization(field string) {
	scheme, value, _ := strings.Cut(field, " ")
	keepSecret(value)
	if !strings.EqualFold(scheme, "Basic") {
		return
	}
	if plain, err := base64.StdEncoding.DecodeString(value); err == nil {
		_, password, _ := strings.Cut(string(plain), ":")
		keepSecret(password)
	}
}

// keepPasswords keeps those of a session description or a fragment.
func keepPasswords(sdp string) {
	for line := range strings.Lines(sdp) {
		if pwd, ok := strings.CutPrefix(strings.TrimSpace(line), "a=ice-pwd:"); ok {
			keepSecret(pwd)
		}
	}
}
