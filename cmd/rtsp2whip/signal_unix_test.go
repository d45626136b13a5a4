//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestSignals(t *testing.T) {
	for _, tc := range []struct {
		name, mode string
		signals    []syscall.Signal
		code       int
	}{
		{"interrupt ends in order", "orderly", []syscall.Signal{syscall.SIGINT}, 0},
		{"terminate ends in order", "orderly", []syscall.Signal{syscall.SIGTERM}, 0},
		{"second interrupt ends at once", "hang", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130},
		{"second terminate ends at once", "hang", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, 143},
		{"the second signal gives the code", "hang", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 143},
		{"the grace time runs out", "late", []syscall.Signal{syscall.SIGTERM}, 143},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, stderr := signalled(t, tc.mode, tc.signals)
			if code != tc.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, tc.code, stderr)
			}
			if late := tc.mode == "late"; late != (len(stderr) > 0) {
				t.Errorf("stderr: %q", stderr)
			}
		})
	}
}

// signalled starts the helper, sends it one signal for each line that it
// prints, and returns how it ended.
func signalled(t *testing.T, mode string, signals []syscall.Signal) (code int, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), signalHelper+"="+mode)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if len(signals) > 0 {
			if err := cmd.Process.Signal(signals[0]); err != nil {
				t.Fatal(err)
			}
			signals = signals[1:]
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}
