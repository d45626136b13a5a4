package site

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

// MaxSize is the most bytes that a site's file may have: a thousand cameras
// with every key set take less than half.
const MaxSize = 1 << 20

// Sources is where a site's file may take values from besides itself.
type Sources struct {
	// Env looks up an environment variable; nil: there are none.
	Env func(name string) string
	// Secret reads the file that a ..._file key names; nil: the keys are taken
	// as they are and their secrets stay empty.
	Secret func(path string) (secret.Secret, error)
	// Find returns where a file is that is read again while the site runs; nil: as
	// it is named.
	Find func(name string) string
}

// Load reads a site's file and the secrets that it names. Relative names of
// secret files start from the directory of the site's file, unless systemd has
// brought the file as a credential (see credential). The environment
// (LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET) fills in what the file
// leaves out; env is os.Getenv in earnest.
//
// If the file can be read but something in it is wrong, the error is an Errors.
func Load(path string, env func(string) string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	find := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		if given := credential(env, name); given != "" {
			return given
		}
		return filepath.Join(filepath.Dir(path), name)
	}
	var files []string
	cfg, err := Parse(path, data, Sources{
		Env: env,
		Secret: func(name string) (secret.Secret, error) {
			at := find(name)
			files = append(files, at)
			return secret.ReadFile(at)
		},
		Find: find,
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	cfg.files = slices.Compact(files)
	return cfg, nil
}

// Files are those with secrets that Load has read. Whoever keeps a site up to date
// watches them beside the site's file itself.
func (c *Config) Files() []string { return c.files }

// credential returns where systemd has put a file of this relative name, "" if it
// has not. Of a directory that is loaded as a whole (LoadCredential=secrets:/etc/
// rtsp2whip/secrets) the file secrets/api_key arrives as the credential
// secrets_api_key; so the same name works for the service, which may not read the
// directory, and for root, who tries the file out.
func credential(env func(string) string, name string) string {
	if env == nil || !filepath.IsLocal(name) {
		return ""
	}
	dir := env("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	given := filepath.Join(dir, strings.ReplaceAll(filepath.ToSlash(filepath.Clean(name)), "/", "_"))
	if _, err := os.Stat(given); err != nil {
		return ""
	}
	return given
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%s: cannot be opened: %w", path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%s: cannot be read: %w", path, err)
	}
	return data, nil
}

// Parse reads the text of a site's file; name is what its errors call it. An
// error is always an Errors.
func Parse(name string, data []byte, from Sources) (*Config, error) {
	root, problem := parseYAML(data)
	if problem != nil {
		problem.File = name
		return nil, Errors{problem}
	}
	cfg := Default()
	d := newDecoder(name)
	d.camera = &cfg.Defaults
	d.value("", root, reflect.ValueOf(&cfg).Elem())
	if !d.failed("") {
		(&checker{decoder: d, from: from}).complete(&cfg)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return &cfg, nil
}

// Complete checks a Config that was put together in code, starting from
// Default, and fills in what Parse would: secrets, and what cameras take from
// the LiveKit section. An error is always an Errors.
func (c *Config) Complete(from Sources) error {
	d := newDecoder("")
	(&checker{decoder: d, from: from}).complete(c)
	return d.err()
}

// parseYAML returns the tree of the file's only document.
func parseYAML(data []byte) (root ast.Node, problem *Error) {
	switch {
	case len(data) > MaxSize:
		return nil, &Error{Text: fmt.Sprintf("the file is larger than %d bytes", MaxSize)}
	case deep(data):
		return nil, &Error{Text: "the file is nested too deeply"}
	}
	// The YAML library is given whatever an editor or a disk has made of the
	// file; a panic in it must not take down a running site at a reload.
	defer func() {
		if recover() != nil {
			root, problem = nil, &Error{Text: "not YAML"}
		}
	}()
	// Duplicate keys are found here rather than there, so that all are reported.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxError(err)
	}
	var docs []*ast.DocumentNode
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			docs = append(docs, doc)
		}
	}
	switch {
	case len(docs) == 0:
		return nil, &Error{Text: "the file is empty (rtsp2whip check --example prints a commented one)"}
	case len(docs) > 1:
		e := &Error{Text: "holds more than one YAML document"}
		if t := docs[1].Body.GetToken(); t != nil && t.Position != nil {
			e.Line = t.Position.Line
		}
		return nil, e
	}
	return docs[0].Body, nil
}

// inQuotes finds what messages of the YAML library quote from the file, single
// characters apart.
var inQuotes = regexp.MustCompile(`"(?:[^"\\]|\\.){2,}"?`)

// syntaxError keeps the library's message and place, and drops what it would
// show of the file: that may be a secret.
func syntaxError(err error) *Error {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return &Error{Text: "not YAML"}
	}
	message := inQuotes.ReplaceAllString(strings.TrimSpace(ye.GetMessage()), `"…"`)
	switch {
	case strings.Contains(message, "'\t'"):
		message = "indented with a tab: YAML takes spaces only"
	case message == "non-map value is specified":
		message += " (is there no space after a colon?)"
	}
	e := &Error{Text: "not YAML: " + printable(message)}
	if t := ye.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	return e
}

// deep reports nesting that no site's file has, but on which a recursive
// parser could exhaust its stack: runs of opening brackets or of list dashes.
func deep(data []byte) bool {
	const most = 500
	brackets, dashes := 0, 0
	for _, b := range data {
		switch b {
		case '[', '{':
			brackets++
		case ']', '}':
			brackets--
		}
		switch b {
		case '-', '?', ':':
			dashes++
		case ' ', '\t':
		default:
			dashes = 0
		}
		if brackets > most || dashes > most {
			return true
		}
	}
	return false
}
