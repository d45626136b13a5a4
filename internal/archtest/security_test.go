package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	heldBy = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Z0-9]\\w*)`")
	called = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z0-9]\w*`)
)

// TestSecurityPage: each test that SECURITY.md names exists in the package that it
// names.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	found := heldBy.FindAllStringSubmatch(string(page), -1)
	if len(found) < 40 {
		t.Errorf("it names %d tests", len(found))
	}
	if all := called.FindAllString(string(page), -1); len(all) != len(found) {
		t.Errorf("%d of %d tests have no package in front of them", len(all)-len(found), len(all))
	}
	sources := map[string]string{} // of a package's tests
	for _, f := range found {
		dir, name := f[1], f[2]
		if _, ok := sources[dir]; !ok {
			sources[dir] = testSource(t, filepath.Join("../..", filepath.FromSlash(dir)))
		}
		if !strings.Contains(sources[dir], "\nfunc "+name+"(") {
			t.Errorf("%s has no %s", dir, name)
		}
	}
}

func testSource(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
