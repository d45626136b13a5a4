package site

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

var update = flag.Bool("update", false, "write the errors that were found to testdata/bad/*.txt")

// testSecret stands for a directory with secrets, good and bad.
func testSecret(path string) (secret.Secret, error) {
	files := map[string]string{
		"key": "key\n", "secret": "hunter2\n", "gate": "hunter2\n", "yard": "hunter2\n",
		"empty": "\n", "lines": "hunter2\nhunter3\n", "control": "hunter2\x00",
	}
	text, ok := files[path]
	if !ok {
		return secret.Secret{}, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	s, err := secret.Parse([]byte(text))
	if err != nil {
		return secret.Secret{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// TestBadFiles compares every error of every bad file, to the letter: these
// sentences are all that a person at a site has to go by.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := Parse("site.yaml", data, Sources{Secret: testSecret})
			if err == nil {
				t.Fatalf("no error; got %+v", cfg)
			}
			got := err.Error() + "\n"
			for _, leak := range []string{"hunter2", "hunter3", "hun/ter2", "hun#ter2", "hun%ter2", "ter2"} {
				if strings.Contains(got, leak) {
					t.Errorf("an error shows a secret:\n%s", got)
				}
			}
			expected := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(expected, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}
