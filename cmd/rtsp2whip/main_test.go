package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(signalHelper); mode != "" {
		signalHelperMain(mode)
	}
	testscript.Main(m, map[string]func(){"rtsp2whip": main})
}

// TestScripts runs the command as a person would; the scripts are meant to be
// read as examples too.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code, "livekit": livekit},
		Setup: func(env *testscript.Env) error {
			env.Values[liveKitKey{}] = &liveKitOfScript{}
			for _, name := range []string{"LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"} {
				env.Setenv(name, "")
			}
			return nil
		},
	})
}

// code is the scripts' command "code N PROGRAM ARGS...": the program must end
// with the exit code N.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
