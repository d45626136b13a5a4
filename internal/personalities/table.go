package personalities

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Row is a camera in docs/cameras.md.
type Row struct {
	Name  string
	Wrong string // what it does wrong
	Does  string // what rtsp2whip does
	First string // time to the first frame; measured, not compared
	Peer  string // what MediaMTX does; measured by another run, not compared
}

const head = "| Camera | What it does | What rtsp2whip does | First picture | MediaMTX 1.20.1 |\n|---|---|---|---|---|\n"

// Table is a page with one table of cameras.
type Table struct {
	Before, After string // the page's text
	Rows          []Row
}

// ReadTable reads a page.
func ReadTable(path string) (Table, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Table{}, err
	}
	before, rest, found := strings.Cut(string(b), head)
	if !found {
		return Table{}, fmt.Errorf("%s: no table with this head:\n%s", path, head)
	}
	t := Table{Before: before}
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 5 || !strings.HasPrefix(line, "|") {
			break
		}
		rest = rest[len(line):]
		t.Rows = append(t.Rows, Row{strings.Trim(cells[0], "`"), cells[1], cells[2], cells[3], cells[4]})
	}
	t.After = rest
	return t, nil
}

// Write writes the page.
func (t Table) Write(path string) error {
	var b strings.Builder
	b.WriteString(t.Before + head)
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.Name, cell(r.Wrong), cell(r.Does), cell(r.First), cell(r.Peer))
	}
	b.WriteString(t.After)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// cell makes text fit for a cell of a Markdown table; "-" is nothing.
func cell(s string) string {
	return cmp.Or(strings.NewReplacer("|", "\\|", "\n", " ").Replace(s), "-")
}

// Row returns the row of a camera, nil if there is none.
func (t Table) Row(name string) *Row {
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Rows[i]
}
