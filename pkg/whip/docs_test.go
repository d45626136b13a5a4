package whip

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/whip.md")

const docFile = "../../docs/whip.md"

// row is one requirement: the tests that hold it, or why there are none.
type row struct {
	id, what string
	tests    string // names, in this package
	note     string
}

const docHead = `# What the WHIP client holds to

Each requirement on a WHIP client (RFC 9725) and on a sender of WebRTC media, with
the tests of ` + "`pkg/whip`" + ` that hold it, or the reason why none does. This page is
written by ` + "`go test ./pkg/whip -run TestDocument -update`" + ` and compared by the same
test without the flag; a name of a test that does not exist fails it.
[whip-servers.md](whip-servers.md) says what the client gets out of real servers.
`

// TestDocument compares docs/whip.md with the tables below, and these with the tests
// that there are.
func TestDocument(t *testing.T) {
	have := testNames(t)
	var b strings.Builder
	b.WriteString(docHead)
	for _, part := range []struct {
		title, prefix string
		rows          []row
		count         int
	}{
		{"WHIP", "W", whipRows, 44},
		{"Transport", "T", transportRows, 19},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| # | Requirement | Held by |\n|---|---|---|\n", part.title)
		if len(part.rows) != part.count {
			t.Errorf("%s: %d rows, want %d", part.title, len(part.rows), part.count)
		}
		for i, r := range part.rows {
			if want := fmt.Sprintf("%s%d", part.prefix, i+1); r.id != want {
				t.Errorf("row %s where %s belongs", r.id, want)
			}
			if r.tests == "" && r.note == "" {
				t.Errorf("%s has neither a test nor a reason", r.id)
			}
			var held []string
			for name := range strings.FieldsSeq(r.tests) {
				if !have[name] {
					t.Errorf("%s: no test %s", r.id, name)
				}
				held = append(held, "`"+name+"`")
			}
			cell := strings.Join(held, ", ")
			if r.note != "" {
				cell = strings.TrimPrefix(cell+". "+r.note, ". ")
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.id, r.what, cell)
		}
	}
	if *update {
		if err := os.WriteFile(docFile, []byte(b.String()), 0o644); err != nil { // a public page
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(got), "\r\n", "\n") != b.String() {
		t.Error("docs/whip.md is not what the tests say: run go test ./pkg/whip -run TestDocument -update")
	}
}

// testNames are the tests of this directory, those for other systems included.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := fs.Glob(os.DirFS("."), "*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
