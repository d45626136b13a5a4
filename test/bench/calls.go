//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
)

// callSeconds is how long system calls are counted.
const callSeconds = 3

// systemCalls counts a program's system calls for each picture of the cameras'. It
// needs perf, and the right to use it; without it the answer is 0.
func systemCalls(subject, cameras *process) (float64, error) {
	if _, err := exec.LookPath("perf"); err != nil {
		return 0, nil //nolint:nilerr // the report says that it was not counted
	}
	var before, after cameraStats
	if err := cameras.ask(&before); err != nil {
		return 0, err
	}
	var out bytes.Buffer
	cmd := exec.Command("perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", fmt.Sprint(subject.cmd.Process.Pid),
		"--", "sleep", fmt.Sprint(callSeconds))
	cmd.Stderr = &out
	if cmd.Run() != nil {
		return 0, nil
	}
	if err := cameras.ask(&after); err != nil {
		return 0, err
	}
	for line := range bytes.Lines(out.Bytes()) {
		fields := bytes.Split(line, []byte(","))
		if len(fields) < 3 || !bytes.Contains(line, []byte("sys_enter")) {
			continue
		}
		n, err := strconv.ParseFloat(string(fields[0]), 64)
		if err != nil || after.Pictures == before.Pictures {
			return 0, nil //nolint:nilerr // as above: "<not supported>"
		}
		return n / float64(after.Pictures-before.Pictures), nil
	}
	return 0, nil
}
