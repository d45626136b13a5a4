//go:build unix

package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What may hold secrets is for the service alone, whatever the umask; what systemd
// and others have to read they can.
func TestInstalledModes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, umask := range []int{0, 0o022, 0o077} {
		before := syscall.Umask(umask)
		in := &installer{root: t.TempDir(), out: io.Discard}
		err := in.files(self)
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]fs.FileMode{
			settingsDir: fs.ModeDir | 0o750, secretsDir: fs.ModeDir | 0o700, settingsFile: 0o640, // the group is the service's own
			installedProgram: 0o755, installedUnit: 0o644, installedUser: 0o644,
		} {
			info, err := os.Stat(in.at(path))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != want {
				t.Errorf("umask %03o: %s is %v, want %v", umask, path, info.Mode(), want)
			}
		}
		left, err := filepath.Glob(in.at(settingsDir) + "/.*")
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %q, %v", left, err)
		}
	}
}
