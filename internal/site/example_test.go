package site

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

// The example parses as it stands, given its secrets, and what it sets where a
// default exists is that default.
func TestExampleParses(t *testing.T) {
	cfg, err := Parse("example.yaml", []byte(Example), Sources{
		Secret: func(path string) (secret.Secret, error) { return secret.New("secret of " + path), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	checkComplete(t, cfg)
	want := Default()
	want.LiveKit = cfg.LiveKit
	want.LiveKit.Via, want.LiveKit.WHIPURL = ViaIngress, ""
	want.Cameras = cfg.Cameras
	if !reflect.DeepEqual(*cfg, want) {
		t.Errorf("the example sets %+v, but the defaults are %+v", *cfg, want)
	}
}

// commentedKey finds a key that the example does not set.
var commentedKey = regexp.MustCompile(`(?m)^( *)#([a-z])`)

// uncommented returns the example with every key set.
func uncommented() string { return commentedKey.ReplaceAllString(Example, "$1$2") }

// Every key of the types stands in the example, and no other.
func TestExampleHasEveryKey(t *testing.T) {
	file, err := parser.ParseBytes([]byte(uncommented()), 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	collect("", file.Docs[0].Body, found)
	for _, key := range schema() {
		if !found[key] {
			t.Errorf("%s is missing", key)
		}
	}
	for key := range found {
		if !slices.Contains(schema(), key) {
			t.Errorf("%s is no key", key)
		}
	}
}

func collect(path string, n ast.Node, found map[string]bool) {
	switch n := n.(type) {
	case ast.MapNode:
		for it := n.MapRange(); it.Next(); {
			at := join(path, it.Key().GetToken().Value)
			found[strings.Replace(at, "defaults.", "cameras[].", 1)] = true
			if !strings.HasSuffix(at, ".attributes") { // their names are the user's
				collect(at, it.Value(), found)
			}
		}
	case *ast.SequenceNode:
		for _, v := range n.Values {
			collect(path+"[]", v, found)
		}
	}
}

var (
	keyLine     = regexp.MustCompile(`^( *)(?:- )?#?([a-z_0-9]+):`)
	defaultLine = regexp.MustCompile(`^ *# Default: (.*)$`)
)

// Every key that holds a value is preceded by a comment with a "Default:" line,
// and that tells what the code does.
func TestExampleTellsDefaults(t *testing.T) {
	told := map[string]string{} // by key path
	var path []string           // the key at each depth
	comment, stated := 0, ""
	for _, line := range strings.Split(Example, "\n") {
		if m := defaultLine.FindStringSubmatch(line); m != nil {
			stated = m[1]
		}
		if m := keyLine.FindStringSubmatch(line); m != nil {
			indent := len(m[1])
			if strings.Contains(line, "- ") && strings.HasPrefix(strings.TrimSpace(line), "- ") {
				indent += 2
			}
			depth := indent / 2
			if depth > 1 && path[0] == "cameras" {
				depth-- // a list's entries are indented twice
			}
			path = append(path[:min(depth, len(path))], m[2])
			key := strings.Replace(strings.Join(path, "."), "cameras.", "cameras[].", 1)
			key = strings.Replace(key, "defaults.", "cameras[].", 1)
			if stated != "" {
				told[key] = stated
			} else if _, known := told[key]; !known && comment == 0 && !secondCamera(line) {
				t.Errorf("%s has no comment", key)
			}
			comment, stated = 0, ""
		} else if strings.HasPrefix(strings.TrimSpace(line), "#") {
			comment++
		}
	}
	defaults := defaultTexts()
	for key, want := range defaults {
		got, ok := told[key]
		if !ok {
			t.Errorf("%s: no default is told", key)
			continue
		}
		if want == "" {
			if got != "none." && !strings.HasPrefix(got, "none; ") {
				t.Errorf("%s: told default %q, but there is none", key, got)
			}
		} else if got != want {
			t.Errorf("%s: told default %q, but it is %q", key, got, want)
		}
	}
	for key := range told {
		if _, ok := defaults[key]; !ok {
			t.Errorf("%s: a default is told, but it holds no value", key)
		}
	}
}

// secondCamera reports whether a line belongs to the second camera of the
// example, which repeats keys that the first one explains.
func secondCamera(line string) bool {
	return strings.Contains(line, "name: yard") || strings.Contains(line, "url: rtsps://")
}

// defaultTexts returns the default of every key that holds a value, as text;
// "" where there is none.
func defaultTexts() map[string]string {
	texts := map[string]string{}
	cfg := Default()
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("yaml") == "" {
				continue
			}
			f, at := v.Field(i), join(path, v.Type().Field(i).Tag.Get("yaml"))
			switch {
			case at == "defaults":
			case at == "cameras":
				walk("cameras[]", reflect.ValueOf(cfg.Defaults))
			case f.Kind() == reflect.Pointer:
				walk(at, reflect.New(f.Type().Elem()).Elem())
			case section(f.Type()):
				walk(at, f)
			case f.Kind() == reflect.Bool:
				texts[at] = fmt.Sprint(f.Bool())
			case f.Kind() == reflect.Slice || f.Kind() == reflect.Map:
				texts[at] = "" // no list has a default
			default:
				texts[at] = fmt.Sprint(f.Interface())
				if m, ok := f.Interface().(encoding.TextMarshaler); ok {
					text, _ := m.MarshalText()
					texts[at] = string(text)
				}
			}
		}
	}
	walk("", reflect.ValueOf(cfg))
	return texts
}
