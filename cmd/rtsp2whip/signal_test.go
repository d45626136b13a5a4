package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// signalHelper is the variable that turns the test binary into a command that
// waits for signals; its value says how it behaves then.
const signalHelper = "RTSP2WHIP_SIGNAL_HELPER"

// signalHelperMain tells on standard output how far it has come, and ends.
func signalHelperMain(mode string) {
	wait := time.Minute
	if mode == "late" {
		wait = 50 * time.Millisecond
	}
	ctx, stop := untilSignal(context.Background(), wait, os.Stderr, os.Exit)
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("ending")
	if mode != "orderly" {
		<-make(chan struct{}) // a command that hangs at its end
	}
	stop()
	os.Exit(exitOK)
}

func TestStopWithoutSignal(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	ctx, stop := untilSignal(context.Background(), grace, &out, func(code int) { t.Errorf("exit %d", code) })
	if ctx.Err() != nil {
		t.Error("the context has ended before any signal")
	}
	stop()
	if ctx.Err() == nil || out.Len() > 0 {
		t.Errorf("after stop: %v, %q", ctx.Err(), out.String())
	}
}
