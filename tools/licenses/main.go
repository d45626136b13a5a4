// Licenses prints the licences of every module that is linked into a program, for
// the notices that come with its binaries. It fails on a module without one.
//
//	licenses -C DIR [-platforms linux/amd64,windows/amd64] PACKAGE
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	dir := flag.String("C", ".", "the module's directory")
	platforms := flag.String("platforms", "linux/amd64", "GOOS/GOARCH, with commas between")
	flag.Parse()
	if err := run(os.Stdout, *dir, strings.Split(*platforms, ","), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, dir string, platforms, packages []string) error {
	modules := make(map[string]string)
	for _, p := range platforms {
		if err := linked(dir, p, packages, modules); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "This program contains the work of others, under the licences below.")
	goroot, err := output(dir, nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	if err := notice(w, "Go's standard library and runtime", strings.TrimSpace(string(goroot))); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if err := notice(w, name, modules[name]); err != nil {
			return err
		}
	}
	return nil
}

// module is what go list says of a package's module.
type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module
}

// linked adds the modules that the packages are made of on one platform, by path
// and version, with their directories.
func linked(dir, platform string, packages []string, modules map[string]string) error {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return fmt.Errorf("platform %q: want GOOS/GOARCH", platform)
	}
	env := []string{"CGO_ENABLED=0", "GOOS=" + goos, "GOARCH=" + goarch}
	out, err := output(dir, env, "go", append([]string{"list", "-deps", "-json=Module"}, packages...)...)
	if err != nil {
		return err
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ Module *module }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		m := p.Module
		if m == nil || m.Main {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		modules[m.Path+" "+m.Version] = m.Dir
	}
}

var isLicence = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying|^notice|^patents`)

// notice prints the licence files of a directory.
func notice(w io.Writer, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !isLicence.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(w, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 78), name, e.Name(), bytes.TrimSpace(text))
		found = true
	}
	if !found {
		return fmt.Errorf("%s: no licence file", name)
	}
	return nil
}

func output(dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}
