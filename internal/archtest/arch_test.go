package archtest

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestHomes(t *testing.T) {
	imports, _ := readTree(t)
	for _, h := range homes {
		for _, pkg := range imports.strangers(h) {
			t.Errorf("%s imports %s, which lives in %v only: %s", pkg, h.of, h.in, h.why)
		}
	}
}

func TestWalls(t *testing.T) {
	imports, _ := readTree(t)
	for _, w := range walls {
		for _, chain := range imports.breaches(w) {
			t.Errorf("%s: %s", chain, w.why)
		}
	}
}

func TestClients(t *testing.T) {
	_, names := readTree(t)
	for _, c := range clients {
		for n := range names {
			if n.lib == c.lib && n.name == c.name && !underAny(n.in, c.in) {
				t.Errorf("%s names %s of %s, which belongs to %v: %s", n.in, c.name, c.lib, c.in, c.why)
			}
		}
	}
}

// TestTreeIsSeen keeps the tests above from passing because they see nothing.
func TestTreeIsSeen(t *testing.T) {
	imports, names := readTree(t)
	if !imports["pkg/ingress"]["github.com/livekit/server-sdk-go/v2"] {
		t.Error("pkg/ingress is not seen to import LiveKit's SDK")
	}
	if !names[named{"github.com/livekit/protocol/livekit", "IngressInfo", "pkg/ingress"}] {
		t.Error("pkg/ingress is not seen to name livekit.IngressInfo")
	}
}

// TestProgram looks at everything that is linked into the program.
func TestProgram(t *testing.T) {
	// With cgo on, so that a package that would use it where it can is found.
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}} {{len .CgoFiles}}", "../../cmd/...")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1", "GOOS=linux", "GOFLAGS=-mod=readonly")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("go list said %q", line)
		}
		p, standard, cgo := fields[0], fields[1] == "true", fields[2] != "0"
		if cgo && !standard {
			t.Errorf("%s uses cgo: the program is one static file that cross-compiles", p)
		}
		for _, b := range banned {
			if within(p, b.path) {
				t.Errorf("%s is linked into the program: %s", p, b.why)
			}
		}
	}
}

// TestRulesBite gives the checks a tree that breaks rules.
func TestRulesBite(t *testing.T) {
	tr := tree{
		"pkg/a":         {"internal/x": true, "net/url": true},
		"internal/x":    {"pkg/b": true, "example.com/lib/sub": true},
		"pkg/b":         {"net": true},
		"internal/lone": {"fmt": true},
	}
	got := tr.strangers(home{of: "example.com/lib", in: []string{"pkg/b"}})
	if !slices.Equal(got, []string{"internal/x"}) {
		t.Errorf("strangers = %q", got)
	}
	if got := tr.strangers(home{of: "example.com/lib", in: []string{"internal/x"}}); got != nil {
		t.Errorf("strangers at home = %q", got)
	}
	got = tr.breaches(wall{from: []string{"pkg/a"}, to: []string{"pkg/b", "net"}})
	want := []string{"pkg/a -> internal/x -> pkg/b", "pkg/a -> internal/x -> pkg/b -> net"}
	if !slices.Equal(got, want) {
		t.Errorf("breaches = %q, want %q", got, want)
	}
	if got := tr.breaches(wall{from: []string{"internal/lone"}, to: []string{"pkg", "net"}}); got != nil {
		t.Errorf("breaches of nobody = %q", got)
	}
	if within("net/url", "net") || !within("pkg/whip/x", "pkg/whip") || !within("github.com/a/b/c", "github.com/a/b") {
		t.Error("within is wrong")
	}
	if packageName("github.com/bluenviron/gortsplib/v5") != "gortsplib" || packageName("net/http") != "http" {
		t.Error("packageName is wrong")
	}
}
