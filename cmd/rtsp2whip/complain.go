package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// usageError is a command line that cannot be carried out as given.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{text: fmt.Sprintf(format, args...)} }

// commandOf returns the command whose arguments could not be parsed, "" if
// it was none that exists.
func commandOf(err error) string {
	var pe *kong.ParseError
	if errors.As(err, &pe) && pe.Context != nil {
		if node := pe.Context.Selected(); node != nil {
			return pathOf(node)
		}
	}
	return ""
}

// pathOf is a command as it is typed, such as "ingress list".
func pathOf(node *kong.Node) string {
	_, path, _ := strings.Cut(node.FullPath(), " ")
	return path
}

// complain tells a person what went wrong, and what to do about it if known.
// It returns the exit code.
func complain(w io.Writer, err error, command string) int {
	var settings site.Errors
	if errors.As(err, &settings) {
		return complainOfSettings(w, settings, command)
	}
	fmt.Fprintf(w, "rtsp2whip: %v\n", err)
	var hinting interface{ Hint() string }
	if errors.As(err, &hinting) && hinting.Hint() != "" {
		fmt.Fprintf(w, "rtsp2whip: hint: %s\n", hinting.Hint())
	}
	var usage usageError
	if errors.As(err, &usage) {
		seeHelp(w, command)
		return exitUsage
	}
	return exitFailure
}

// complainOfSettings lists what is wrong in a site's file, or in arguments that
// stand for one.
func complainOfSettings(w io.Writer, problems site.Errors, command string) int {
	if file := problems[0].File; file != "" {
		fmt.Fprintf(w, "%v\nrtsp2whip: %s: %s\n", problems, file, count(len(problems), "problem"))
		return exitFailure
	}
	for _, p := range problems {
		fmt.Fprintf(w, "rtsp2whip: %s: %s\n", argumentFor(p.Path), inArguments.Replace(p.Text))
	}
	seeHelp(w, command)
	return exitUsage
}

func seeHelp(w io.Writer, command string) {
	if command == "" {
		fmt.Fprintln(w, "rtsp2whip: hint: rtsp2whip --help lists the commands")
		return
	}
	fmt.Fprintf(w, "rtsp2whip: hint: rtsp2whip %s --help lists its arguments\n", command)
}

// arguments are the names on the command line of what has another in the file.
var arguments = map[string]string{ // #nosec G101 -- names of settings, no values
	"cameras[0].url":             "RTSP-URL",
	"cameras[0].whip.url":        "WHIP-URL",
	"cameras[0].whip.token":      "--token-file",
	"cameras[0].whip.token_file": "--token-file",
	"cameras[0].name":            "--name",
	"cameras[0].identity":        "--name",
	"cameras[0].display_name":    "--name",
	"cameras[0].room":            "--room",
	"livekit.room":               "--room",
	"admin.listen":               "--admin",
	"admin.token":                "--admin-token-file",
	"admin.token_file":           "--admin-token-file",
	"livekit.url":                "--livekit",
	"livekit.api_key":            "--api-key-file",
	"livekit.api_secret":         "--api-secret-file",
}

// inArguments rewrites the hints of the file's errors.
var inArguments = strings.NewReplacer(
	"api_key_file, api_key or", "--api-key-file or",
	"api_secret_file, api_secret or", "--api-secret-file or",
	"token_file or token", "--admin-token-file",
	"username and password_file", "--username and --password-file",
	"via: server or a whip block", "--via server or a WHIP URL",
	"username and password", "--username and --password-file",
)

func argumentFor(path string) string {
	if name, ok := arguments[path]; ok {
		return name
	}
	key := path[strings.LastIndexByte(path, '.')+1:]
	return "--" + strings.ReplaceAll(key, "_", "-")
}

// count returns "1 camera" or "2 cameras".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
