package parts

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Forward is a camera that MediaMTX pulls and forwards to a WHIP endpoint.
type Forward struct {
	Camera      string // its URL, with user name and password
	Fingerprint string // of its certificate; "" for none
	Transport   string // as MediaMTX calls it
	WHIP        string // the endpoint, http
	Token       string // for it; "" for none
}

// StartForward starts a MediaMTX that does nothing else.
func StartForward(t testing.TB, f Forward) *Process {
	t.Helper()
	config := writeConfig(t, "mediamtx.yml", fmt.Sprintf(`
logLevel: info
rtsp: false
webrtc: false
rtmp: false
hls: false
srt: false
moq: false
paths:
  camera:
    source: %q
    sourceFingerprint: %q
    rtspTransport: %s
    forward:
    - dest: %q
      whipBearerToken: %q
`, f.Camera, f.Fingerprint, f.Transport, strings.Replace(f.WHIP, "http", "whip", 1), f.Token))
	return Run(t, Command{
		Name: "mediamtx",
		Path: cached(t, "bin", "mediamtx-"+version(t, "MEDIAMTX_VERSION")),
		Args: []string{config},
	})
}

// Crashed tells whether the program has broken down. That it has ended by its own
// will is an error.
func (p *Process) Crashed() (bool, error) {
	if p.Alive() == nil {
		return false, nil
	}
	out := p.Output()
	for _, sign := range []string{"panic: ", "fatal error: ", "unexpected signal"} {
		if strings.Contains(out, sign) {
			return true, nil
		}
	}
	return false, errors.New("it has ended:\n" + p.tail(15))
}
