package main

import (
	"context"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// cli is the command line; each command has a file of its own.
type cli struct {
	Run      runCmd      `cmd:"" help:"Publish the cameras of a site until told to stop."`
	Check    checkCmd    `cmd:"" help:"Read a site's file and tell what is wrong in it."`
	Publish  publishCmd  `cmd:"" help:"Publish one camera, without a file."`
	Demo     demoCmd     `cmd:"" help:"Play simulated cameras in a browser, on this machine alone."`
	Discover discoverCmd `cmd:"" help:"Find the cameras of the network, and write them down for a site's file."`
	Doctor   doctorCmd   `cmd:"" help:"Try a camera and its way to the room once, step by step, and tell what is wrong."`
	Viewer   viewerCmd   `cmd:"" help:"Print a link with which a person can watch a site's room."`
	Ingress  ingressCmd  `cmd:"" help:"List and delete LiveKit's ingresses of a site."`
	Install  installCmd  `cmd:"" help:"Set up the systemd service: user, unit, and a file to start from."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// app is what a command has of the world around it.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) string
}

// helpShown is what kong's exit hook panics with: printing the help ends
// parsing from deep within it.
type helpShown struct{ code int }

// start runs the program and returns its exit code.
func start(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case helpShown:
			code = r.code
		default:
			panic(r)
		}
	}()
	var c cli
	parser := kong.Must(&c,
		kong.Name("rtsp2whip"),
		kong.Description("Publishes RTSP cameras over WHIP: each camera becomes a participant in a LiveKit room. "+
			"Try `rtsp2whip demo` first."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(helpShown{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return complain(stderr, usageError{text: err.Error()}, commandOf(err))
	}
	ctx, stop := untilSignal(context.Background(), grace, stderr, os.Exit)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&app{stdin: stdin, stdout: stdout, stderr: stderr, env: os.Getenv})
	if err == nil {
		return exitOK
	}
	return complain(stderr, err, pathOf(parsed.Selected()))
}
