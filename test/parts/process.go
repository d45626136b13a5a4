package parts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that runs for the length of a test. It can be killed
// and started again; all its runs write to one log file.
type Process struct {
	t    testing.TB
	name string
	path string
	args []string
	env  []string
	dir  string
	log  string

	in Place

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the current run has ended
	err  error         // how it ended
	code int           // its exit code; -1 while it runs, or if it was killed
}

// Command says what to run.
type Command struct {
	Name string // in messages, and the log file's name
	Path string
	Args []string
	Env  []string // added to the test's own
	In   Place    // where to run it; nil means where the test runs

	// Grace is how long it may take to end in good order when the test ends.
	// What is no part of the test is simply killed.
	Grace time.Duration
}

// Place is a network that a program can run in; a Box is one.
type Place interface{ Do(f func() error) error }

// Run starts a program and sees to its end when the test ends. If the test has
// failed by then, the tail of its output is shown.
func Run(t testing.TB, c Command) *Process {
	t.Helper()
	p := &Process{
		t: t, name: c.Name, path: c.Path, args: c.Args, env: c.Env, in: c.In,
		dir: t.TempDir(),
		log: filepath.Join(ArtifactDir(t), c.Name+".log"),
	}
	p.Start()
	t.Cleanup(func() {
		if c.Grace > 0 {
			p.Terminate(c.Grace)
		} else {
			p.Kill()
		}
		if t.Failed() {
			t.Logf("last lines of %s (all of it: %s):\n%s", p.name, p.log, p.tail(40))
		}
	})
	return p
}

// Start runs the program, again if it has run before.
func (p *Process) Start() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout = log
	cmd.Stderr = log
	cmd.SysProcAttr = childAttr()
	start := cmd.Start
	if p.in != nil {
		start = func() error { return p.in.Do(cmd.Start) }
	}
	if err := start(); err != nil {
		_ = log.Close()
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done, p.err, p.code = cmd, done, nil, -1
	go func() {
		err := cmd.Wait()
		_ = log.Close()
		p.mu.Lock()
		p.err, p.code = err, cmd.ProcessState.ExitCode()
		p.mu.Unlock()
		close(done)
	}()
}

// Kill ends the program the hard way, as a power cut would, and returns when
// it is gone.
func (p *Process) Kill() { p.signal(syscall.SIGKILL, 10*time.Second) }

// Terminate asks the program to end and makes it end after grace. It returns
// how long the program took, and whether it ended by itself.
func (p *Process) Terminate(grace time.Duration) (took time.Duration, byItself bool) {
	start := time.Now()
	if p.signal(syscall.SIGTERM, Patient(grace)) {
		return time.Since(start), true
	}
	p.Kill()
	return time.Since(start), false
}

// signal reports whether the program has ended within limit.
func (p *Process) signal(sig syscall.Signal, limit time.Duration) bool {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	select {
	case <-done:
		return true
	default:
	}
	_ = cmd.Process.Signal(sig)
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// Ended returns a channel that is closed when the current run has ended.
func (p *Process) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// ExitCode is the last run's exit code; -1 if it still runs or was killed.
func (p *Process) ExitCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// CPU is the processor time that the current run has used, on Linux; elsewhere 0.
func (p *Process) CPU() time.Duration {
	p.mu.Lock()
	pid := p.cmd.Process.Pid
	p.mu.Unlock()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field, the name in parentheses, may hold spaces; user and
	// system time are the 14th and 15th, in ticks of 10 ms.
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// Waited is how long each of its threads, by number, has waited for a processor so far.
func (p *Process) Waited() map[string]time.Duration {
	p.mu.Lock()
	pid := p.cmd.Process.Pid
	p.mu.Unlock()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	waited := make(map[string]time.Duration, len(files))
	for _, file := range files {
		b, err := os.ReadFile(file)
		fields := strings.Fields(string(b)) // ns it ran, ns it waited, how often it ran
		if err != nil || len(fields) != 3 {
			continue // it has ended
		}
		if ns, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			waited[file] = time.Duration(ns)
		}
	}
	return waited
}

// Alive returns a hopeless error if the program has ended.
func (p *Process) Alive() error {
	select {
	case <-p.Ended():
		p.mu.Lock()
		defer p.mu.Unlock()
		return Hopeless(fmt.Errorf("%s has ended: %v; its last lines:\n%s", p.name, p.err, p.tail(15)))
	default:
		return nil
	}
}

// ready waits until cond holds, and gives up at once if the program has ended.
func (p *Process) ready(limit time.Duration, cond func() error) {
	p.t.Helper()
	Eventually(p.t, limit, p.name+" gets ready", func() error {
		if err := p.Alive(); err != nil {
			return err
		}
		return cond()
	})
}

// Output is everything that the program has written.
func (p *Process) Output() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tail returns the last lines of the output. livekit-server writes whole SDPs
// into a line; the file has them in full.
func (p *Process) tail(lines int) string {
	const widest = 400
	all := strings.Split(strings.TrimRight(p.Output(), "\n"), "\n")
	all = all[max(0, len(all)-lines):]
	for i, line := range all {
		if len(line) > widest {
			all[i] = line[:widest] + " ..."
		}
	}
	return strings.Join(all, "\n")
}

// writeConfig puts a program's configuration where only the test reads it.
func writeConfig(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
