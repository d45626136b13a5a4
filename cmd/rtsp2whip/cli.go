package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// cli is the command line; each command has a file of its own.
type cli struct {
	Run     runCmd     `cmd:"" help:"Publish the cameras of a site until told to stop."`
	Check   checkCmd   `cmd:"" help:"Read a site's file and tell what is wrong in it."`
	Publish publishCmd `cmd:"" help:"Publish one camera, without a file."`
	Demo    demoCmd    `cmd:"" help:"Play simulated cameras in a browser, on this machine alone."`
	Viewer  viewerCmd  `cmd:"" help:"Print a link with which a person can watch a site's room."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// app is what a command has of the world around it.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) string
}

// usageError is a command line that cannot be carried out as given.
type usageError struct {
	text    string
	command string // "" if it was none that exists
}

func (e usageError) Error() string { return e.text }

// Hint says where the command is explained.
func (e usageError) Hint() string {
	if e.command == "" {
		return "rtsp2whip --help lists the commands"
	}
	return "rtsp2whip " + e.command + " --help lists its arguments"
}

func usagef(format string, args ...any) error { return usageError{text: fmt.Sprintf(format, args...)} }

// commandOf returns the command whose arguments could not be parsed.
func commandOf(err error) string {
	var pe *kong.ParseError
	if errors.As(err, &pe) && pe.Context != nil {
		if node := pe.Context.Selected(); node != nil {
			return node.Name
		}
	}
	return ""
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
		complain(stderr, usageError{text: err.Error(), command: commandOf(err)})
		return exitUsage
	}
	ctx, stop := untilSignal(context.Background(), stderr, os.Exit)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&app{stdin: stdin, stdout: stdout, stderr: stderr, env: os.Getenv})
	if err == nil {
		return exitOK
	}
	var ue usageError
	if errors.As(err, &ue) {
		ue.command = parsed.Selected().Name
		complain(stderr, ue)
		return exitUsage
	}
	complain(stderr, err)
	return exitFailure
}

// complain tells a person what went wrong, and what to do about it if known.
func complain(w io.Writer, err error) {
	var inFile site.Errors
	if errors.As(err, &inFile) {
		fmt.Fprintf(w, "%v\nrtsp2whip: %s: %s\n", inFile, inFile[0].File, count(len(inFile), "problem"))
		return
	}
	fmt.Fprintf(w, "rtsp2whip: %v\n", err)
	var hinting interface{ Hint() string }
	if errors.As(err, &hinting) && hinting.Hint() != "" {
		fmt.Fprintf(w, "rtsp2whip: hint: %s\n", hinting.Hint())
	}
}

// count returns "1 camera" or "2 cameras".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
