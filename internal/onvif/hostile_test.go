package onvif

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

// Documents that are made to cost much more than they weigh.
func TestHostileDocuments(t *testing.T) {
	const begin, end = `<Envelope><Body><GetProfilesResponse>`, `</GetProfilesResponse></Body></Envelope>`
	for name, doc := range map[string]string{
		"deep":             strings.Repeat("<a>", 10_000),
		"deep and whole":   begin + strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000) + end,
		"many elements":    begin + strings.Repeat("<a/>", 60_000) + end,
		"billion laughs":   `<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Envelope><Body>&b;</Body></Envelope>`,
		"external entity":  `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Envelope><Body>&a;</Body></Envelope>`,
		"no end":           begin + strings.Repeat("x", 1<<20),
		"endless name":     "<" + strings.Repeat("a", 1<<20),
		"many attributes":  "<Envelope " + strings.Repeat(`a="" `, 20_000),
		"comment, no end":  "<!--" + strings.Repeat("-", 1<<20),
		"processing, none": "<?" + strings.Repeat("?", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var out struct {
				Profiles []struct {
					Name string
				} `xml:"Body>GetProfilesResponse>Profiles"`
			}
			err := decode(http.StatusOK, []byte(doc), &out)
			if err == nil || len(err.Error()) > 1000 {
				t.Errorf("%.300v", err)
			}
		})
	}
}

// A device that never comes to an end, or whose answer unpacks to much more, is heard
// for as long as an answer may be.
func TestEndlessDevice(t *testing.T) {
	const most = 64 << 20
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	bomb := bytes.Repeat(packed.Bytes(), 64) // members of one file
	for name, answer := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			block := bytes.Repeat([]byte("<a/>"), 16<<10)
			for n := 0; n < most; n += len(block) {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
		"packed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		},
		"header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Pad", strings.Repeat("p", 1<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(answer)
			t.Cleanup(s.Close)
			t.Cleanup(s.CloseClientConnections)
			c, err := New(Config{URL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = c.Information(t.Context())
			runtime.ReadMemStats(&after)
			if err == nil || len(err.Error()) > 1000 {
				t.Errorf("%.300v", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 24<<20 {
				t.Errorf("%d MB were allocated", n>>20)
			}
		})
	}
}

// However many answer a search, and however often, what is kept is bounded.
func TestFloodOfDevices(t *testing.T) {
	ours := map[string]bool{"urn:1": true}
	long := match("urn:1", strings.Repeat("http://10.0.0.1/x ", 3000))
	if got := parseMatches([]byte(long), netip.MustParseAddr("10.0.0.1"), ours); len(got) != 1 {
		t.Errorf("%d devices in one answer", len(got))
	}
	one := match("urn:1", "http://10.0.0.1/")
	many := strings.Replace(one, "<ProbeMatch>", "<ProbeMatch>"+strings.Repeat(`<XAddrs>http://10.0.0.1/</XAddrs></ProbeMatch><ProbeMatch>`, 1000), 1)
	if got := parseMatches([]byte(many), netip.MustParseAddr("10.0.0.1"), ours); len(got) > 16 {
		t.Errorf("%d devices in one answer", len(got))
	}
	var all []Found
	at := netip.MustParseAddr("10.0.0.0")
	for range 2 * maxFound {
		at = at.Next()
		all = merge(all, Found{Address: at, URL: "http://" + at.String() + "/"})
	}
	if len(all) != maxFound {
		t.Errorf("%d devices are kept", len(all))
	}
}
