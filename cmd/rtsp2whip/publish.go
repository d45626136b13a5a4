package main

import "time"

type publishCmd struct {
	RTSPURL string `arg:"" name:"rtsp-url" help:"The camera: rtsp:// or rtsps://."`
	WHIPURL string `arg:"" optional:"" name:"whip-url" help:"The WHIP endpoint; not with --livekit."`

	LiveKit       string `name:"livekit" placeholder:"URL" help:"The LiveKit server, wss://… (or LIVEKIT_URL)."`
	Room          string `placeholder:"ROOM" help:"The LiveKit room."`
	Name          string `placeholder:"NAME" help:"The participant's identity (default: cam-HOST)."`
	Via           string `enum:"ingress,server" default:"ingress" help:"ingress: through LiveKit Ingress. server: livekit-server's own WHIP endpoint (default: ${default})."`
	APIKeyFile    string `name:"api-key-file" placeholder:"FILE" help:"File with LiveKit's API key, - for standard input (or LIVEKIT_API_KEY)."`
	APISecretFile string `name:"api-secret-file" placeholder:"FILE" help:"File with LiveKit's API secret, - for standard input (or LIVEKIT_API_SECRET)."`
	TokenFile     string `placeholder:"FILE" help:"File with the WHIP endpoint's bearer token, - for standard input."`

	Username     string        `placeholder:"USER" help:"The camera's account."`
	PasswordFile string        `placeholder:"FILE" help:"File with the account's password, - for standard input."`
	Transport    string        `enum:"auto,tcp,udp,multicast" default:"auto" help:"How RTP comes from the camera: auto, tcp, udp or multicast (default: ${default})."`
	Audio        string        `enum:"auto,off" default:"auto" help:"auto or off (default: ${default})."`
	Hold         time.Duration `default:"15s" placeholder:"DURATION" help:"Keep the participant while the camera is away (default: ${default})."`

	LogLevel string        `enum:"debug,info,warn,error" default:"warn" help:"debug, info, warn or error (default: ${default})."`
	Admin    string        `placeholder:"ADDR" help:"Serve status page, metrics and health at HOST:PORT (default: not at all)."`
	For      time.Duration `placeholder:"DURATION" help:"End after this long (default: when told to)."`
}

// Help adds to the command's help.
func (*publishCmd) Help() string {
	return "Either to a LiveKit room (--livekit and --room) or to any WHIP endpoint (WHIP-URL). " +
		"Secrets come from files, environment or standard input, so that no list of processes shows one."
}
