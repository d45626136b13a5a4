package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/deploy/systemd"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// Where the service's files are. A package puts program and unit below /usr
// instead, and everything else to the same places.
const (
	installedProgram = "/usr/local/bin/rtsp2whip"
	installedUnit    = "/etc/systemd/system/rtsp2whip.service"
	installedUser    = "/etc/sysusers.d/rtsp2whip.conf"
	settingsDir      = "/etc/rtsp2whip"
	settingsFile     = settingsDir + "/site.yaml"
	secretsDir       = settingsDir + "/secrets"
	serviceUser      = "rtsp2whip"
)

type installCmd struct {
	Root string `placeholder:"DIR" help:"Write below this directory, as into an image that is being built, and run nothing."`
}

// Help adds to the command's help.
func (*installCmd) Help() string {
	return "Copies this program to " + installedProgram + ", and writes the unit, its user and a commented " + settingsFile +
		" unless there is one. It can be run again at any time, as for an update: what is there already and right stays, and " +
		"the site's file is never written over. It starts nothing, and says what to do next."
}

// Run installs the service.
func (c *installCmd) Run(ctx context.Context, a *app) error {
	if runtime.GOOS != "linux" {
		return errors.New("install: systemd services are for Linux")
	}
	if c.Root == "" && os.Geteuid() != 0 {
		return hinted{errors.New("install: only root can set up a service"), "try again with sudo"}
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	in := &installer{root: c.Root, out: a.stdout}
	if err := in.files(program); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if c.Root != "" {
		return nil
	}
	if err := in.activate(ctx); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	fmt.Fprintf(a.stdout, "\nNext:\n"+
		"  1. put each secret into a file of its own in %s; the site's file calls it secrets/NAME\n"+
		"  2. edit %s, and look at it with: rtsp2whip check -c %s\n"+
		"  3. systemctl enable --now rtsp2whip\n", secretsDir, settingsFile, settingsFile)
	return nil
}

// hinted is an error with what a person can do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }
func (h hinted) Hint() string  { return h.hint }

// installer writes what differs from what is there, and says so.
type installer struct {
	root string
	out  io.Writer
}

// files writes everything but what needs the service's user.
func (in *installer) files(program string) error {
	for _, dir := range []struct {
		path string
		mode fs.FileMode
	}{{settingsDir, 0o750}, {secretsDir, 0o700}} {
		if err := in.directory(dir.path, dir.mode); err != nil {
			return err
		}
	}
	self, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	unit := strings.ReplaceAll(systemd.Unit, "/usr/bin/rtsp2whip", installedProgram)
	for _, f := range []struct {
		path    string
		content []byte
		mode    fs.FileMode
	}{
		{installedProgram, self, 0o755},
		{installedUnit, []byte(unit), 0o644},
		{installedUser, []byte(systemd.User), 0o644},
	} {
		if err := in.write(f.path, f.content, f.mode); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(in.at(settingsFile)); err == nil {
		in.say("kept", settingsFile)
		return nil
	}
	return in.write(settingsFile, []byte(site.Example), 0o640)
}

func (in *installer) at(path string) string { return filepath.Join(in.root, path) }

func (in *installer) say(what, path string) { fmt.Fprintf(in.out, "%-10s %s\n", what, path) }

func (in *installer) directory(path string, mode fs.FileMode) error {
	if info, err := os.Stat(in.at(path)); err == nil && info.IsDir() {
		in.say("there", path+"/")
		return nil
	}
	if err := os.MkdirAll(in.at(path), mode); err != nil {
		return err
	}
	in.say("made", path+"/")
	return os.Chmod(in.at(path), mode)
}

// write puts a file in place as a whole: a program that runs cannot be written
// to, and nobody may read half a unit.
func (in *installer) write(path string, content []byte, mode fs.FileMode) error {
	at := in.at(path)
	if now, err := os.ReadFile(at); err == nil && bytes.Equal(now, content) {
		in.say("unchanged", path)
		return os.Chmod(at, mode)
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil { // #nosec G301 -- where programs and units are, which all may read
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(at), ".rtsp2whip-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already if all went well
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), at); err != nil {
		return err
	}
	in.say("wrote", path)
	return nil
}

// activate makes the user, gives it the settings, and tells systemd of the unit.
func (in *installer) activate(ctx context.Context) error {
	if err := command(ctx, "systemd-sysusers", installedUser); err != nil {
		return err
	}
	group, err := user.LookupGroup(serviceUser)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chown(settingsDir, 0, gid), os.Chown(settingsFile, 0, gid)); err != nil {
		return err
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		in.say("skipped", "systemctl daemon-reload: systemd does not run here")
		return nil
	}
	return command(ctx, "systemctl", "daemon-reload")
}

// command runs a program, and returns what it said if it failed.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput() // #nosec G204 -- two programs, named above
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}
