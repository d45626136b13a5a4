// Crosscheck type-checks a module, tests included, for other platforms than this one.
//
//	crosscheck DIR GOOS/GOARCH...
//
// Like go vet and go build it finds what one platform lacks; unlike them it compiles
// none of the libraries, of which only the declarations are read. That takes seconds
// where a first build for a platform takes minutes.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: crosscheck DIR GOOS/GOARCH...")
		os.Exit(2)
	}
	failed := false
	for _, platform := range os.Args[2:] {
		complaints, n, err := check(os.Args[1], platform)
		if err != nil {
			fmt.Fprintf(os.Stderr, "crosscheck: %s: %v\n", platform, err)
			os.Exit(1)
		}
		fmt.Printf("%s: %d packages\n", platform, n)
		for _, c := range complaints {
			fmt.Printf("%s: %s\n", platform, c)
		}
		failed = failed || len(complaints) > 0
	}
	if failed {
		os.Exit(1)
	}
}

// check returns what does not fit, and how many packages it has looked at.
func check(dir, platform string) (complaints []string, n int, err error) {
	system, arch, ok := strings.Cut(platform, "/")
	if !ok {
		return nil, 0, errors.New("not of the form GOOS/GOARCH")
	}
	ours, err := packages.Load(&packages.Config{
		Mode:  packages.LoadAllSyntax,
		Dir:   dir,
		Env:   append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOARM=7", "GOWORK=off"),
		Tests: true,
	}, "./...")
	if err != nil {
		return nil, 0, err
	}
	seen := map[string]bool{} // a package and its tests have files in common
	for _, p := range ours {
		for _, e := range p.Errors {
			if text := e.Error(); !seen[text] {
				seen[text] = true
				complaints = append(complaints, text)
			}
		}
	}
	if len(ours) == 0 {
		return nil, 0, fmt.Errorf("no packages in %s", dir)
	}
	return complaints, len(ours), nil
}
