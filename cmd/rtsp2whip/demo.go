package main

import "time"

type demoCmd struct {
	For     time.Duration `placeholder:"DURATION" help:"End after this long: with 0 if every picture arrived, else with 1."`
	Cameras int           `default:"3" placeholder:"N" help:"How many cameras to simulate (default: ${default})."`
	RTSP    string        `name:"rtsp" placeholder:"URL" help:"Play this camera in place of simulated ones."`
	Camera  string        `default:"camera" placeholder:"NAME" help:"What to call the camera of --rtsp (default: ${default})."`
	Open    bool          `help:"Open the page in the browser."`
	Listen  string        `placeholder:"ADDR" help:"Where the page is served (default: 127.0.0.1:8989, or a free port if that is taken)."`
}

// Help adds to the command's help.
func (*demoCmd) Help() string {
	return "Needs no network and no other program: the cameras are simulated, and the page is for this machine alone."
}
