package rawserver

import (
	"strings"
	"testing"
)

func locked(c *Config) { c.Username, c.Password = "viewer", "s3cret" }

func TestDigest(t *testing.T) {
	for name, f := range map[string]Faults{"md5": {}, "qop": {QOP: true}} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, serve(t, f, locked).Addr().String())
			c.want(200, "OPTIONS", c.url)
			challenge := c.want(401, "DESCRIBE", c.url).header.Get("WWW-Authenticate")
			if strings.Contains(challenge, "qop=") != f.QOP || strings.Contains(challenge, "stale") {
				t.Errorf("challenge: %s", challenge)
			}
			challenge = c.want(401, "DESCRIBE", c.url, authorize(challenge, "viewer", "wrong", "DESCRIBE", c.url, 1)).header.Get("WWW-Authenticate")
			if strings.Contains(challenge, "stale") {
				t.Errorf("a wrong password counts as a stale nonce: %s", challenge)
			}
			c.want(200, "DESCRIBE", c.url, authorize(challenge, "viewer", "s3cret", "DESCRIBE", c.url, 1))
			c.want(200, "DESCRIBE", c.url, authorize(challenge, "viewer", "s3cret", "DESCRIBE", c.url, 2))
			if f.QOP { // without it is not enough
				plain := strings.Replace(challenge, `qop="auth", `, "", 1)
				c.want(401, "DESCRIBE", c.url, authorize(plain, "viewer", "s3cret", "DESCRIBE", c.url, 3))
			}
		})
	}
}

func TestSHA256(t *testing.T) {
	c := dial(t, serve(t, Faults{SHA256: true}, locked).Addr().String())
	challenge := c.want(401, "DESCRIBE", c.url).header.Get("WWW-Authenticate")
	if !strings.Contains(challenge, "algorithm=SHA-256") {
		t.Errorf("challenge: %s", challenge)
	}
	c.want(401, "DESCRIBE", c.url, authorize(challenge, "viewer", "s3cret", "DESCRIBE", c.url, 1)) // by MD5
	d := door{user: "Mufasa", password: "Circle of Life", sha256: true, qop: true}
	given := map[string]string{"nonce": "n", "nc": "00000001", "cnonce": "c", "uri": "rtsp://h/"}
	if r := d.response("PLAY", given); len(r) != 64 {
		t.Errorf("a response of %d digits", len(r))
	}
}

// TestStaleNonce meets it on SETUP, PLAY and a keep-alive.
func TestStaleNonce(t *testing.T) {
	s := serve(t, Faults{NonceUses: 1}, locked)
	c := dial(t, s.Addr().String())
	challenge := c.want(401, "DESCRIBE", c.url).header.Get("WWW-Authenticate")
	c.want(200, "DESCRIBE", c.url, authorize(challenge, "viewer", "s3cret", "DESCRIBE", c.url, 1))
	for _, r := range []struct{ method, url, line string }{
		{"SETUP", c.url + "/trackID=0", interleaved}, {"PLAY", c.url, "Range: npt=0-"}, {"GET_PARAMETER", c.url, "X: y"},
	} {
		a := c.want(401, r.method, r.url, r.line, authorize(challenge, "viewer", "s3cret", r.method, r.url, 1))
		challenge = a.header.Get("WWW-Authenticate")
		if !strings.Contains(challenge, "stale=true") {
			t.Errorf("%s: %s", r.method, challenge)
		}
		a = c.want(200, r.method, r.url, r.line, authorize(challenge, "viewer", "s3cret", r.method, r.url, 1))
		if c.sess == "" {
			c.sess = a.header.Get("Session")
		}
	}
	if n := s.Stats().Counts; n.Stale != 3 || n.Unauthorized != 1 || n.KeepAlives != 1 {
		t.Errorf("%+v", n)
	}
}
