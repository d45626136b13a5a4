package site

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// keysOf returns the keys of a section, in the order of the struct's fields.
func keysOf(t reflect.Type) []string {
	keys := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// schema returns the path of every key: "livekit", "livekit.url",
// "cameras[].tls.sha256" and so on. The camera's keys under defaults are left out.
var schema = sync.OnceValue(func() []string {
	var paths []string
	var walk func(path string, t reflect.Type)
	walk = func(path string, t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Tag.Get("yaml") == "" {
				continue // not of the file
			}
			at := join(path, f.Tag.Get("yaml"))
			paths = append(paths, at)
			inner := f.Type
			switch inner.Kind() {
			case reflect.Slice:
				inner, at = inner.Elem(), at+"[]"
			case reflect.Pointer:
				inner = inner.Elem()
			}
			if section(inner) && at != "defaults" {
				walk(at, inner)
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
	return paths
})

// section reports whether a type is a struct with keys, not a value such as Secret.
func section(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && len(keysOf(t)) > 0
}

// whereKeyBelongs returns a hint for a key that exists, but elsewhere.
func whereKeyBelongs(name, path string, known []string) string {
	if didYouMean(name, known) != "" {
		return ""
	}
	var places []string
	for _, p := range schema() {
		place, key := "", p
		if i := strings.LastIndexByte(p, '.'); i >= 0 {
			place, key = p[:i], p[i+1:]
		}
		if key != name {
			continue
		}
		switch place {
		case "":
			place = "the top level"
		case "cameras[]":
			place = "a camera"
		default:
			place = strings.TrimPrefix(place, "cameras[].")
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	if len(places) == 0 {
		return ""
	}
	return fmt.Sprintf(" (it belongs to %s)", strings.Join(places, " or "))
}

// didYouMean returns a suggestion in parentheses if one of the words is near.
func didYouMean(typed string, words []string) string {
	best, nearest := "", 3
	for _, w := range words {
		// Two letters wrong are a slip in "transport", but another word in "via".
		if n := distance(normal(typed), w); n < nearest && n <= (len(w)+1)/3 {
			best, nearest = w, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(` (did you mean %q?)`, best)
}

func normal(key string) string {
	if len(key) > 32 {
		key = key[:32]
	}
	return strings.ReplaceAll(strings.ToLower(key), "-", "_")
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours.
func distance(a, b string) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}

// quoted shows a value in an error, shortened if it is long.
func quoted(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

// printable replaces what could confuse a terminal or a log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// shownKey returns an unknown key as a path may show it. What follows a colon
// is a value with the space before it forgotten, and perhaps a secret.
func shownKey(key string) string {
	plain := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-' }
	if key != "" && len(key) <= 40 && !strings.ContainsFunc(key, func(r rune) bool { return !plain(r) }) {
		return key
	}
	if before, _, ok := strings.Cut(key, ":"); ok {
		key = before + ":…"
	}
	return quoted(key)
}
