package parts

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

//go:embed versions.env
var versionsFile string

// version returns one line's value of versions.env.
func version(t testing.TB, key string) string {
	t.Helper()
	for line := range strings.Lines(versionsFile) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && k == key {
			return v
		}
	}
	t.Fatalf("versions.env has no %s", key)
	return ""
}

// Version is that of a server which test/setup.sh builds, by its name in
// versions.env.
func Version(t testing.TB, name string) string {
	t.Helper()
	return version(t, name+"_VERSION")
}

// InstalledVersion is what a program of the system says of itself.
func InstalledVersion(t testing.TB, args []string, names ...string) string {
	t.Helper()
	out, _ := exec.Command(installed(t, names...), args...).CombinedOutput()
	return regexp.MustCompile(`\d+(\.\d+)+`).FindString(string(out))
}

// cachePath is where test/setup.sh puts what it builds: by the rules of XDG on
// every system, since a shell script has no others.
func cachePath() (string, error) {
	dir := os.Getenv("XDG_CACHE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".cache")
	}
	return filepath.Join(dir, "rtsp2whip", "e2e"), nil
}

func cacheDir(t testing.TB) string {
	t.Helper()
	dir, err := cachePath()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// cached returns the path of something that test/setup.sh has put into the
// cache, and fails the test if it is not there.
func cached(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{cacheDir(t)}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run test/setup.sh first", path)
	}
	return path
}

// installed returns the path of the first of these programs that is installed.
func installed(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %s is installed: run test/setup.sh first", strings.Join(names, ", "))
	return ""
}

// ArtifactDir returns a directory for what this test leaves behind for people
// to look at: logs, screenshots, figures. It lies in RTSP2WHIP_ARTIFACTS or in
// the cache, is emptied at the test's start, and stays after its end.
func ArtifactDir(t testing.TB) string {
	t.Helper()
	root := os.Getenv("RTSP2WHIP_ARTIFACTS")
	if root == "" {
		root = filepath.Join(cacheDir(t), "artifacts")
	}
	dir := filepath.Join(root, strings.ReplaceAll(t.Name(), "/", "_"))
	artifacts.mu.Lock()
	defer artifacts.mu.Unlock()
	if artifacts.seen == nil {
		artifacts.seen = make(map[testing.TB]bool)
	}
	if !artifacts.seen[t] {
		artifacts.seen[t] = true
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

var artifacts struct {
	mu   sync.Mutex
	seen map[testing.TB]bool
}

// moduleRoot is the directory of the module under test.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/rtsp2whip/rtsp2whip").Output()
	if err != nil {
		return "", fmt.Errorf("find the module under test: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
