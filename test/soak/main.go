//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

func main() {
	// Children end with the thread that starts them.
	runtime.LockOSThread()
	if err := dispatch(os.Args[1:]); err != nil {
		if code := new(exec.ExitError); errors.As(err, &code) {
			os.Exit(1) // it has said why
		}
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// dispatch runs one of the programs that this one is.
func dispatch(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "cameras":
			return camerasMain(args[1:])
		case "inside":
			o, err := parseOptions(args[1:])
			if err != nil {
				return err
			}
			return o.run()
		}
	}
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case o.From != "":
		return o.again()
	}
	return moveIn(args)
}

// moveIn starts this program once more in a network of its own, and waits.
func moveIn(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := exec.CommandContext(ctx, self, append([]string{"inside"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	parts.Isolate(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("a network namespace cannot be made (it takes root, or user namespaces): %w", err)
	}
	return cmd.Wait()
}

// options say how to run.
type options struct {
	Duration time.Duration
	Cameras  int
	Seed     uint64
	Out      string // directory of the page; "" writes none
	From     string // what an earlier run has found; "" makes a run
}

func parseOptions(args []string) (options, error) {
	o := options{}
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.DurationVar(&o.Duration, "duration", 30*time.Minute, "how long to make faults")
	f.IntVar(&o.Cameras, "cameras", 30, "how many cameras")
	f.Uint64Var(&o.Seed, "seed", 1, "of the plan of faults")
	f.StringVar(&o.Out, "out", "", "directory to write reliability.md and .svg to")
	f.StringVar(&o.From, "from", "", "result.json of an earlier run, to judge and publish once more")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.Cameras < 5 || o.Cameras > 100 {
		return o, fmt.Errorf("-cameras: %d is not in 5 to 100", o.Cameras)
	}
	if o.Duration < time.Minute {
		return o, fmt.Errorf("-duration: %s is less than a minute", o.Duration)
	}
	return o, nil
}
