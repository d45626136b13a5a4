package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
)

// openPage shows the page in the person's browser. That it cannot is no error:
// the address has been printed.
func openPage(ctx context.Context, stderr io.Writer, address string) {
	name, args := opener(runtime.GOOS)
	// Not bound to ctx: the opener may have become the browser itself, which
	// is not ours to end.
	cmd := exec.Command(name, append(args, address)...) // #nosec G204 -- one of three programs, with an address of ours
	failed := make(chan error, 1)
	go func() { failed <- cmd.Run() }()
	select {
	case err := <-failed:
		if err != nil {
			fmt.Fprintf(stderr, "rtsp2whip: cannot open a browser (%v): open %s by hand\n", err, address)
		}
	case <-ctx.Done():
	}
}

// opener is what opens a URL on an operating system.
func opener(goos string) (name string, args []string) {
	switch goos {
	case "darwin":
		return "open", nil
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler"}
	default:
		return "xdg-open", nil
	}
}
