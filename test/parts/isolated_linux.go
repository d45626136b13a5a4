package parts

import (
	"bufio"
	"flag"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// insideVar names the test that runs in a network of its own.
const insideVar = "RTSP2WHIP_ISOLATED"

// Isolated runs the calling test once more, in a process that has a network
// namespace of its own with nothing but a loopback interface, and reports the
// result as the caller's. There it returns true, here false when that is over:
//
//	if !parts.Isolated(t) {
//		return
//	}
//
// Whatever such a test does to its network, no other program notices, two runs
// never collide, and all of it is gone with the process, however that ends. It
// takes root, or a kernel that lets everyone make user namespaces.
func Isolated(t *testing.T) (inside bool) {
	t.Helper()
	if os.Getenv(insideVar) == t.Name() {
		MoveIn(t)
		return true
	}
	args := []string{"-test.run=^" + regexp.QuoteMeta(t.Name()) + "$", "-test.v", "-test.count=1"}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	if at, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+time.Until(at).String())
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), insideVar+"="+t.Name(), "RTSP2WHIP_BIN="+Binary(t))
	Isolate(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatalf("a network namespace cannot be made (it takes root, or user namespaces): %v", err)
	}
	passed := relayOutput(t, out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("in its own network: %v", err)
	}
	if !passed {
		t.Fatal("in its own network: the test has not run")
	}
	return false
}

// Isolate has a program start in a network namespace of its own, where it calls
// MoveIn first. It ends with the thread that starts it.
func Isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
}

// MoveIn prepares the network that Isolate has made.
func MoveIn(t testing.TB) {
	t.Helper()
	// Where the tools are that are not meant for everybody.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		t.Fatal(err)
	}
	tool(t, "ip", "link", "set", "lo", "up")
}

// relayOutput logs what the other process prints, and tells whether its test says
// that it has passed.
func relayOutput(t *testing.T, out io.Reader) (passed bool) {
	t.Helper()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "--- PASS: "+t.Name()+" "):
			passed = true
		case strings.HasPrefix(line, "=== "), line == "PASS", line == "FAIL":
		default:
			t.Log(strings.TrimSpace(line))
		}
	}
	return passed
}

// tool runs one of the programs by which networks are set up.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(installed(t, name), args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
