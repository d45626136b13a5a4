package camhttp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// The answer to a challenge is RFC 7616's, by the test's own arithmetic.
func TestDigestSHA256(t *testing.T) {
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		param := func(name string) string {
			_, after, _ := strings.Cut(auth, name+"=")
			return strings.Trim(strings.SplitN(after, ",", 2)[0], `" `)
		}
		want := sum(sum("viewer:camera:p@ss:word") + ":abc:" + param("nc") + ":" + param("cnonce") + ":auth:" + sum("GET:/x?y=1"))
		if param("response") != want {
			w.Header().Set("WWW-Authenticate", `Digest realm="camera", nonce="abc", qop="auth", algorithm=SHA-256`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	if status, _ := get(t, New(Config{Username: "viewer", Password: "p@ss:word"}), url+"/x?y=1"); status != 200 {
		t.Errorf("status %d", status)
	}
}

// A wrong password is tried once for each request, and one that would travel in the
// clear never.
func TestPasswordIsGuarded(t *testing.T) {
	var tries, clear atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch auth := r.Header.Get("Authorization"); {
		case strings.HasPrefix(auth, "Basic"):
			clear.Add(1)
		case auth != "":
			tries.Add(1)
		}
		w.Header().Add("WWW-Authenticate", `Basic realm="camera"`)
		if r.URL.Path != "/basic" {
			w.Header().Add("WWW-Authenticate", `Digest realm="camera", nonce="abc", qop="auth"`)
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	for _, path := range []string{"/", "/basic"} {
		if status, _ := get(t, New(Config{Username: "viewer", Password: "wrong"}), url+path); status != 401 {
			t.Errorf("%s: status %d", path, status)
		}
	}
	if tries.Load() != 1 || clear.Load() != 0 {
		t.Errorf("%d tries, %d in the clear", tries.Load(), clear.Load())
	}
}

// A hostile camera gets us to read no more than MaxBody, and to go nowhere else.
func TestHostileCamera(t *testing.T) {
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, other, http.StatusFound)
			return
		}
		for range 3 {
			_, _ = fmt.Fprint(w, strings.Repeat("x", MaxBody))
		}
	})
	c := New(Config{})
	if _, body := get(t, c, url+"/"); len(body) != MaxBody {
		t.Errorf("%d bytes were read", len(body))
	}
	if status, _ := get(t, c, url+"/away"); status != 302 || elsewhere.Load() != 0 {
		t.Errorf("status %d, %d requests elsewhere", status, elsewhere.Load())
	}
}
