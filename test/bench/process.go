//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child whose use of the machine is measured.
type process struct {
	cmd  *exec.Cmd
	said announcement // of our own children
	done chan struct{}
}

// launch starts a program; it ends with this process at the latest.
func launch(log string, path string, args ...string) (*process, error) {
	return start(log, false, path, args...)
}

// launchSelf starts this program as another of its parts and waits until that is
// ready.
func launchSelf(log string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(log, true, self, args...)
}

func start(log string, talks bool, path string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the child has its own
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = out
	p.cmd.Dir = filepath.Dir(log)
	var said *bufio.Reader
	if talks {
		pipe, err := p.cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		said = bufio.NewReader(pipe)
	} else {
		p.cmd.Stdout = out
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if talks {
		line, err := said.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &p.said)
		}
		if err != nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
			return nil, fmt.Errorf("%s %s does not start: %w; see %s", filepath.Base(path), args[0], err, log)
		}
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// end asks for the end, and makes it after 10 s.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ask reads a child's statistics.
func (p *process) ask(into any) error {
	res, err := http.Get(p.said.Control)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	return json.NewDecoder(res.Body).Decode(into)
}

// usage is what a process has used of the processor since it was started.
type usage struct{ user, system time.Duration }

func (u usage) total() time.Duration { return u.user + u.system }
func (u usage) minus(before usage) usage {
	return usage{u.user - before.user, u.system - before.system}
}

// cpu reads the kernel's own accounting. The sum of both is exact; how it is split
// is sampled.
func (p *process) cpu() (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return usage{}, err
	}
	// The second field is the name in parentheses and may hold spaces; user and
	// system time are the 14th and 15th, in ticks of 10 ms.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("/proc/%d/stat: %q", p.cmd.Process.Pid, stat)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return usage{time.Duration(user) * 10 * time.Millisecond, time.Duration(system) * 10 * time.Millisecond}, nil
}

// rss is the resident memory in bytes.
func (p *process) rss() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", p.cmd.Process.Pid)
}
