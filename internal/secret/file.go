package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"
)

// MaxSize is the most bytes that a secret may have. Room tokens with metadata
// are the longest in use and stay far below.
const MaxSize = 64 << 10

// What can be wrong with the text of a secret.
var (
	ErrEmpty    = errors.New("is empty")
	ErrTooLong  = fmt.Errorf("longer than %d bytes", MaxSize)
	ErrLines    = errors.New("holds more than one line")
	ErrControl  = errors.New("holds a control character")
	ErrEncoding = errors.New("is not UTF-8 text")
)

// ReadFile reads a secret from a file: one line, whose line break is dropped.
func ReadFile(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, err
	}
	defer f.Close()
	s, err := Read(f)
	if err != nil {
		return Secret{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Read reads a secret to the end of r, by the rules of ReadFile.
func Read(r io.Reader) (Secret, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return Secret{}, err
	}
	return Parse(data)
}

// Parse takes what a secret's file holds: one line, whose line break (and a
// byte order mark, which Windows editors add) is dropped. Spaces are kept: a
// password may begin or end with one.
func Parse(data []byte) (Secret, error) {
	if len(data) > MaxSize {
		return Secret{}, ErrTooLong
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	data = bytes.TrimRight(data, "\r\n")
	switch {
	case len(data) == 0:
		return Secret{}, ErrEmpty
	case !utf8.Valid(data):
		return Secret{}, ErrEncoding
	case bytes.ContainsAny(data, "\r\n"):
		return Secret{}, ErrLines
	case bytes.ContainsFunc(data, unicode.IsControl):
		return Secret{}, ErrControl
	}
	return New(string(data)), nil
}
