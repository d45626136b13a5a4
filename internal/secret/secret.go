// Package secret holds passwords, keys and tokens so that they cannot slip into
// a log, an error, a metric or a page: whatever prints a Secret prints
// "[redacted]". Only Reveal gives the text.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted stands where a secret would be.
const Redacted = "[redacted]"

// Secret is a text that must not be shown. The zero value is the empty secret.
//
// The text sits behind a pointer because fmt prints unexported fields without
// asking for their methods: a Secret deep inside a printed struct then shows an
// address instead of the text. Compare with Equal, not with ==.
type Secret struct {
	text *string
}

// New wraps a text.
func New(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text itself. Hand it to what needs it and to nothing else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.text == nil }

// Equal compares two secrets in a time that depends on neither.
func (s Secret) Equal(other Secret) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String returns Redacted, or "" for an empty secret: that one is missing is
// worth seeing.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return Redacted
}

// Format answers every verb of fmt alike.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue answers log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText answers encoders that work with texts.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON answers encoding/json.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalYAML answers YAML encoders.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalText takes a secret that stands in a file as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}
