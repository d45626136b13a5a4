package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const plain = "p@ss:w/rd#1"

type holder struct {
	Public  Secret
	private Secret
	deep    *struct{ private Secret }
}

func TestNothingPrintsASecret(t *testing.T) {
	s := New(plain)
	h := holder{Public: s, private: s, deep: &struct{ private Secret }{s}}
	var out bytes.Buffer
	for _, verb := range []string{"%s", "%q", "%v", "%+v", "%#v", "%x", "%X", "%d", "%10s", "%p"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", []Secret{s})
		fmt.Fprintf(&out, verb+"\n", map[string]Secret{"k": s})
	}
	fmt.Fprintln(&out, s, &s, h, errors.New("x"), fmt.Errorf("open: %v", s))
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "h", h, "p", &s)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "h", h, "p", &s)
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		for _, v := range []any{s, &s, h, map[string]Secret{"k": s}} {
			data, err := marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(data)
		}
	}
	for _, leak := range []string{plain, "p@ss", fmt.Sprintf("%x", plain), fmt.Sprintf("%X", plain)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("output holds %q:\n%s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), Redacted) {
		t.Error("nothing was redacted: the test prints no secret at all")
	}
	if s.Reveal() != plain {
		t.Errorf("Reveal = %q", s.Reveal())
	}
}

func TestEmptyAndEqual(t *testing.T) {
	var zero Secret
	if !zero.Empty() || zero.Reveal() != "" || zero.String() != "" || !zero.Equal(New("")) {
		t.Error("the zero value is not the empty secret")
	}
	if a := New(plain); !a.Equal(New(plain)) || a.Equal(New("other")) || a.Equal(zero) {
		t.Error("Equal does not compare texts")
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		in, want string
		err      error
	}{
		{in: "abc", want: "abc"},
		{in: "abc\n", want: "abc"},
		{in: "abc\r\n", want: "abc"},
		{in: "abc\n\n", want: "abc"},
		{in: "\uFEFFabc\r\n", want: "abc"},
		{in: " a b \n", want: " a b "},
		{in: "pässwörd", want: "pässwörd"},
		{in: "", err: ErrEmpty},
		{in: "\n", err: ErrEmpty},
		{in: "a\nb\n", err: ErrLines},
		{in: "a\rb", err: ErrLines},
		{in: "a\x00b", err: ErrControl},
		{in: "a\xffb", err: ErrEncoding},
		{in: strings.Repeat("x", MaxSize), want: strings.Repeat("x", MaxSize)},
		{in: strings.Repeat("x", MaxSize+1), err: ErrTooLong},
	} {
		got, err := Read(strings.NewReader(tc.in))
		if got.Reveal() != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%.20q: got %.20q, %v; want %.20q, %v", tc.in, got.Reveal(), err, tc.want, tc.err)
		}
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadFile(path); err != nil || s.Reveal() != "abc" {
		t.Errorf("got %q, %v", s.Reveal(), err)
	}
	if _, err := ReadFile(path + "-missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("hunter2\nhunter3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadFile(path)
	if !errors.Is(err, ErrLines) || strings.Contains(err.Error(), "hunter") {
		t.Errorf("two lines: %v", err)
	}
}

func TestURL(t *testing.T) {
	for _, tc := range []struct{ in, want, endpoint string }{
		{"rtsp://10.0.0.11:554/stream1", "rtsp://10.0.0.11:554/stream1", "rtsp://10.0.0.11:554/stream1"},
		{"rtsp://admin:secret@10.0.0.11/ch/1", "rtsp://10.0.0.11/ch/1", "rtsp://10.0.0.11/ch/…"},
		{"rtsp://admin:se#cret@10.0.0.11/", "rtsp://…", "rtsp://…"},
		{"rtsp://a:b@10.0.0.11/x?user=admin&password=q", "rtsp://10.0.0.11/x?…", "rtsp://10.0.0.11/x?…"},
		{"rtsp://10.0.0.11/user=admin_password=tlJwp_channel=1.sdp", "rtsp://10.0.0.11/…", "rtsp://10.0.0.11/user=admin_password=tlJwp_channel=1.sdp"},
		{"rtsp://10.0.0.11/user%3Dadmin/1", "rtsp://10.0.0.11/…/1", "rtsp://10.0.0.11/user%3Dadmin/…"},
		{"https://host/w/KEY", "https://host/w/KEY", "https://host/w/…"},
		{"https://host/w/?token=1#frag", "https://host/w/?…", "https://host/w/?…"},
		{"https://host", "https://host", "https://host"},
		{"rtsp://admin:1/se/cret@10.0.0.11/x", "rtsp://…", "rtsp://…"},
		{"rtsp://admin:1?se/cret@10.0.0.11/x", "rtsp://…", "rtsp://…"},
		{"rtsp://admin:1#se/cret@10.0.0.11/x", "rtsp://…", "rtsp://…"},
		{"secret", "secret", "secret"},
		{"opaque:secret", "…", "…"},
		{"x://a b:secret@host", "x://…", "x://…"},
		{"", "", ""},
	} {
		if got := URL(tc.in); got != tc.want {
			t.Errorf("URL(%q) = %q, want %q", tc.in, got, tc.want)
		}
		if got := Endpoint(tc.in); got != tc.endpoint {
			t.Errorf("Endpoint(%q) = %q, want %q", tc.in, got, tc.endpoint)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, seed := range []string{"rtsp://h/x", "rtsp://10.0.0.1:554/a?b=c#d", "//h", "/p", "x:%zz"} {
		f.Add(seed, "hunter2")
	}
	f.Fuzz(func(t *testing.T, raw, password string) {
		URL(raw)
		Endpoint(raw)
		if len(password) < 4 || strings.Contains("rtsp://admin@10.0.0.11:554/", password) {
			return
		}
		u := "rtsp://admin:" + password + "@10.0.0.11:554/"
		if got := URL(u); strings.Contains(got, password) {
			t.Errorf("URL(%q) = %q shows the password", u, got)
		}
	})
}
