package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rtsp2whip/rtsp2whip"

// tree is what the module's packages import, by package. Packages of this
// module go by their directory, "pkg/whip"; others by their import path. All
// files count, whatever system they are built for; tests do not.
type tree map[string]map[string]bool

// named is where a type of a library is named: library, name, package.
type named struct{ lib, name, in string }

// readTree parses every file of the module. It reads the sources by itself,
// and not through the go command, because the test cache sees the files that a
// test opens, and not those that a program it runs does.
func readTree(t *testing.T) (tree, map[named]bool) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	imports, names := tree{}, map[named]bool{}
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if hidden := rel != "." && strings.HasPrefix(d.Name(), "."); hidden || rel == "test" || d.Name() == "node_modules" {
				return fs.SkipDir // test/ is a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		addFile(imports, names, path.Dir(rel), parsed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports, names
}

func addFile(imports tree, names map[named]bool, dir string, f *ast.File) {
	if imports[dir] == nil {
		imports[dir] = map[string]bool{}
	}
	local := map[string]string{} // the name in this file -> library
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		imports[dir][strings.TrimPrefix(p, module+"/")] = true
		switch {
		case spec.Name != nil:
			local[spec.Name.Name] = p
		default:
			local[packageName(p)] = p
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && local[id.Name] != "" {
				names[named{local[id.Name], sel.Sel.Name, dir}] = true
			}
		}
		return true
	})
}

// packageName guesses a package's name by its path: "x/foo/v5" is foo.
func packageName(p string) string {
	base := path.Base(p)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(p))
	}
	return base
}

// under tells whether p is dir or lies below it.
func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

func underAny(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return under(p, d) })
}

// within is under for what others have made, and equality for the standard
// library, where "net" is not meant to cover "net/url".
func within(p, target string) bool {
	first, _, _ := strings.Cut(target, "/")
	if strings.Contains(first, ".") || slices.Contains([]string{"cmd", "pkg", "internal"}, first) {
		return under(p, target)
	}
	return p == target
}

// strangers returns the packages that import h.of and are not at home.
func (tr tree) strangers(h home) []string {
	var found []string
	for pkg, imports := range tr {
		if under(pkg, h.of) || underAny(pkg, h.in) {
			continue
		}
		for p := range imports {
			if under(p, h.of) {
				found = append(found, pkg)
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

// breaches returns the ways through w, each as the chain of imports.
func (tr tree) breaches(w wall) []string {
	var found []string
	for pkg := range tr {
		if !underAny(pkg, w.from) {
			continue
		}
		for _, to := range w.to {
			if chain := tr.chain(pkg, to); chain != nil {
				found = append(found, strings.Join(chain, " -> "))
			}
		}
	}
	slices.Sort(found)
	return found
}

// chain is the shortest way of imports from pkg to target, nil if there is none.
func (tr tree) chain(pkg, target string) []string {
	queue, seen := [][]string{{pkg}}, map[string]bool{pkg: true}
	for len(queue) > 0 {
		way := queue[0]
		queue = queue[1:]
		for _, next := range slices.Sorted(maps.Keys(tr[way[len(way)-1]])) {
			if seen[next] {
				continue
			}
			seen[next] = true
			longer := append(slices.Clone(way), next)
			if within(next, target) {
				return longer
			}
			queue = append(queue, longer)
		}
	}
	return nil
}
