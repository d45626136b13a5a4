package site

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills Go values from a YAML tree. The YAML library's own decoder
// stops at the first error; this one goes on, and keeps where each value stands
// so that later checks can point at it.
type decoder struct {
	file   string
	camera *Camera                    // what each camera starts as
	at     map[string]*token.Position // by path, such as cameras[1].url; "" is the whole file
	errs   Errors
	told   map[Error]bool
	wrong  map[string]bool // paths of errs
}

func newDecoder(file string) *decoder {
	return &decoder{file: file, at: map[string]*token.Position{}, told: map[Error]bool{}, wrong: map[string]bool{}}
}

// fail notes an error. The same one is noted once only: what is wrong in the
// defaults would come up with each camera.
func (d *decoder) fail(path, format string, args ...any) {
	e := Error{File: d.file, Path: path, Text: fmt.Sprintf(format, args...)}
	if pos := d.position(path); pos != nil {
		e.Line, e.Column = pos.Line, pos.Column
	}
	if !d.told[e] {
		d.told[e], d.wrong[path] = true, true
		d.errs = append(d.errs, &e)
	}
}

// failed reports whether an error was noted at this very path.
func (d *decoder) failed(path string) bool { return d.wrong[path] }

func (d *decoder) err() error {
	if len(d.errs) == 0 {
		return nil
	}
	d.errs.sort()
	return d.errs
}

// position finds the place of a path, or of the nearest thing around it: what
// is missing has no place of its own.
func (d *decoder) position(path string) *token.Position {
	for {
		if pos, ok := d.at[path]; ok || path == "" {
			return pos
		}
		path = around(path)
	}
}

// around returns the path of what holds the value at path.
func around(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func (d *decoder) mark(path string, n ast.Node) {
	if t := n.GetToken(); t != nil && t.Position != nil {
		d.at[path] = t.Position
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value decodes n into v, which already holds the default.
func (d *decoder) value(path string, n ast.Node, v reflect.Value) {
	if n == nil {
		return
	}
	d.mark(path, n)
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		d.fail(path, "anchors and aliases are not read here: what cameras share belongs under defaults")
		return
	case *ast.TagNode:
		d.fail(path, "tags (!!…) are not read here: put the value in quotes if it must be text")
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := d.scalar(path, n); ok {
			if err := text.UnmarshalText([]byte(s)); err != nil {
				d.fail(path, "%v", err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(path, n, v)
	case reflect.Pointer:
		// A copy, so that a camera never writes into the defaults.
		target := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			target.Elem().Set(v.Elem())
		}
		d.mapping(path, n, target.Elem())
		v.Set(target)
	case reflect.Slice:
		d.list(path, n, v)
	case reflect.Map:
		d.texts(path, n, v)
	case reflect.Bool:
		d.boolean(path, n, v)
	case reflect.String:
		if s, ok := d.scalar(path, n); ok {
			v.SetString(s)
		}
	default:
		panic("no way to decode a " + v.Type().String())
	}
}

// scalar returns a value as it is written: 0123 and true are texts too where a
// text is wanted, so that a password of digits needs no quotes.
func (d *decoder) scalar(path string, n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		d.fail(path, `has no value (put it in quotes if it begins with "#")`)
	default:
		d.fail(path, "must be text, not %s", kind(n))
	}
	return "", false
}

func (d *decoder) boolean(path string, n ast.Node, v reflect.Value) {
	if b, ok := n.(*ast.BoolNode); ok {
		v.SetBool(b.Value)
		return
	}
	if s, ok := d.scalar(path, n); ok {
		d.fail(path, "%s: must be true or false", quoted(s))
	}
}

func (d *decoder) list(path string, n ast.Node, v reflect.Value) {
	if _, ok := n.(*ast.NullNode); ok {
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(path, `must be a list (each entry begins with "- "), not %s`, kind(n))
		return
	}
	v.SetZero()
	for i, entry := range seq.Values {
		element := reflect.New(v.Type().Elem()).Elem()
		if cam, ok := element.Addr().Interface().(*Camera); ok {
			*cam = d.camera.clone()
		}
		d.value(fmt.Sprintf("%s[%d]", path, i), entry, element)
		v.Set(reflect.Append(v, element))
	}
}

// texts decodes a map of texts. What the defaults hold stays, but for an empty
// text, which takes it away.
func (d *decoder) texts(path string, n ast.Node, v reflect.Value) {
	if _, ok := n.(*ast.NullNode); ok {
		return
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		d.fail(path, `must be a section with "key: value" lines, not %s`, kind(n))
		return
	}
	merged := map[string]string{} // another map, so that a camera never writes into the defaults
	maps.Copy(merged, v.Interface().(map[string]string))
	given := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		key := it.Key().GetToken()
		at := join(path, shownKey(key.Value))
		if it.Key().IsMergeKey() {
			d.at[at] = key.Position
			d.fail(at, "merge keys are not read here: what cameras share belongs under defaults")
			continue
		}
		d.mark(at, it.Value())
		if given[key.Value] {
			d.fail(at, "given twice")
			continue
		}
		given[key.Value] = true
		if text, ok := d.scalar(at, it.Value()); ok {
			merged[key.Value] = text
		}
		if merged[key.Value] == "" {
			delete(merged, key.Value)
		}
	}
	v.Set(reflect.ValueOf(merged))
}

// mapping decodes key by key into the fields of a struct.
func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	if _, ok := n.(*ast.NullNode); ok {
		return // a section whose keys are all commented out
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		d.fail(path, `must be a section with "key: value" lines, not %s`, kind(n))
		return
	}
	values := d.keys(path, m, v.Type())
	d.exclude(path, values, v)
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if value, ok := values[key]; ok {
			d.value(join(path, key), value, v.Field(i))
		}
	}
}

// keys collects the values of a mapping and reports what is no key of t.
func (d *decoder) keys(path string, m ast.MapNode, t reflect.Type) map[string]ast.Node {
	known := keysOf(t)
	values := map[string]ast.Node{}
	first := true
	for it := m.MapRange(); it.Next(); {
		key := it.Key().GetToken()
		if first && key.Position != nil {
			d.at[path] = key.Position // the mapping's own token is the first colon
			first = false
		}
		name := key.Value
		at := join(path, shownKey(name))
		_, twice := values[name]
		switch {
		case it.Key().IsMergeKey():
			d.at[at] = key.Position
			d.fail(at, "merge keys are not read here: what cameras share belongs under defaults")
			d.wrong[path] = true // what it would bring is not missing
		case !slices.Contains(known, name):
			d.at[at] = key.Position
			d.fail(at, "unknown key%s", didYouMean(name, known)+whereKeyBelongs(name, path, known))
		case twice:
			line := 0
			if pos := d.at[at]; pos != nil {
				line = pos.Line
			}
			d.at[at] = key.Position
			d.fail(at, "given twice (before in line %d)", line)
		default:
			d.at[at] = key.Position
			values[name] = it.Value()
		}
	}
	return values
}

// exclude reports fields of which only one may be given, and drops what the
// defaults hold for the others: a camera's password replaces the
// password_file of the defaults.
func (d *decoder) exclude(path string, values map[string]ast.Node, v reflect.Value) {
	given := map[string]string{} // group: key
	for i := range v.NumField() {
		f := v.Type().Field(i)
		group, key := f.Tag.Get("oneof"), f.Tag.Get("yaml")
		if _, ok := values[key]; !ok || group == "" {
			continue
		}
		if other, ok := given[group]; ok {
			d.fail(join(path, key), "only one of %s and %s may be given", other, key)
			continue
		}
		given[group] = key
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if key, ok := given[f.Tag.Get("oneof")]; ok && key != f.Tag.Get("yaml") {
			v.Field(i).SetZero()
		}
	}
}

func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias"
	}
	return "a single value"
}
