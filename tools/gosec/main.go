// Gosec looks for what is unsafe in a tree of Go code. It is gosec's own library
// behind less of a command: that one links the clients of three AI services.
//
//	gosec DIR
//
// A finding is mended, or answered where it is: // #nosec G402 -- the reason.
package main

import (
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/issue"
	"github.com/securego/gosec/v2/rules"
)

// off are the rules that have nothing to say here, each with the reason.
var off = map[string]string{
	"G103": "unsafe is for system calls in two packages, which internal/archtest holds",
	"G115": "RTP counts modulo 2^16 and 2^32; of 116 findings none was a mistake, and parsers are fuzzed",
	"G304": "the program reads the files that its owner's command line and settings name",
	"G404": "jitter, and numbers to begin RTP with; internal/archtest keeps math/rand from what makes secrets",
}

// skipped are directories without code of the program's.
func skipped(root string) []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`^` + regexp.QuoteMeta(root) + `/(\.git|test|tools|testdata|internal/whiptest|internal/personalities|pkg/ingress/ingresstest)(/|$)`),
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gosec DIR")
		os.Exit(2)
	}
	complaints, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gosec:", err)
		os.Exit(1)
	}
	for _, c := range complaints {
		fmt.Println(c)
	}
	if len(complaints) > 0 {
		os.Exit(1)
	}
}

func run(dir string) ([]string, error) {
	root, err := gosec.RootPath(dir)
	if err != nil {
		return nil, err
	}
	packages, err := gosec.PackagePaths(root+"/...", skipped(filepath.ToSlash(root)))
	if err != nil {
		return nil, err
	}
	without := slices.Sorted(maps.Keys(off))
	theRules := rules.Generate(false, rules.NewRuleFilter(true, without...))
	theAnalyzers := analyzers.Generate(false, analyzers.NewAnalyzerFilter(true, without...))
	quiet := log.New(io.Discard, "", 0)
	a := gosec.NewAnalyzer(gosec.NewConfig(), false, false, true, 2, quiet)
	a.LoadRules(theRules.RulesInfo())
	a.LoadAnalyzers(theAnalyzers.AnalyzersInfo())
	if err := a.Process(nil, packages...); err != nil {
		return nil, err
	}
	issues, metrics, errs := a.Report()
	if metrics.NumFiles == 0 {
		return nil, fmt.Errorf("no Go files in %s", root)
	}
	var out []string
	for file, list := range errs {
		for _, e := range list {
			out = append(out, fmt.Sprintf("%s:%d: %s", file, e.Line, e.Err))
		}
	}
	for _, i := range issues {
		if text := complaint(i); text != "" {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// complaint is what is wrong with a finding, nothing if it is answered.
func complaint(i *issue.Issue) string {
	text := fmt.Sprintf("%s:%s: %s: %s", i.File, i.Line, i.RuleID, i.What)
	if len(i.Suppressions) == 0 {
		return text
	}
	if slices.ContainsFunc(i.Suppressions, func(s issue.SuppressionInfo) bool { return s.Justification == "" }) {
		return text + " (answered without a reason: // #nosec " + i.RuleID + " -- why)"
	}
	return ""
}
