package ingress

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// An answer of LiveKit's that does not end, or that unpacks to a thousand times its
// size, is given up after maxAnswer bytes.
func TestEndlessAnswer(t *testing.T) {
	const most = 4 * maxAnswer // ends the test, not the client
	var sent atomic.Int64
	endless := func(w io.Writer) {
		block := make([]byte, 64<<10)
		for sent.Load() < most {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	var packed bytes.Buffer // a mebibyte
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/protobuf")
			endless(w)
		},
		"endless error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			endless(w)
		},
		"packed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/protobuf")
			w.Header().Set("Content-Encoding", "gzip")
			for range most >> 20 { // members of one file
				if _, err := w.Write(packed.Bytes()); err != nil {
					return
				}
			}
		},
	} {
		for way, option := range map[string]func(*Config){"by itself": func(*Config) {}, "with a client": ownHTTP} {
			t.Run(name+" "+way, func(t *testing.T) {
				sent.Store(0)
				s := httptest.NewServer(answer)
				t.Cleanup(s.Close)
				c := connect(t, s.URL, option)
				_, err := c.List(t.Context(), "")
				if err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
					t.Errorf("%v after %d bytes", err, sent.Load())
				}
			})
		}
	}
}
