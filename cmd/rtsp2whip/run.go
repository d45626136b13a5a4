package main

type runCmd struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"The site's file; rtsp2whip check --example prints a commented one."`
}

// Help adds to the command's help.
func (*runCmd) Help() string {
	return "SIGINT or SIGTERM ends all sessions in an orderly way, within 5 seconds; a second one ends the process at once."
}
