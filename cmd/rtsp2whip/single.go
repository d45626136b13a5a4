package main

import (
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// targetFlags say where one camera goes, for commands without a site's file.
type targetFlags struct {
	LiveKit       string `name:"livekit" placeholder:"URL" help:"The LiveKit server, wss://… (or LIVEKIT_URL)."`
	Room          string `placeholder:"ROOM" help:"The LiveKit room."`
	Via           string `enum:"ingress,server,sdk" default:"ingress" help:"ingress: through LiveKit Ingress. server: livekit-server's own WHIP endpoint. sdk: as LiveKit's own clients do (default: ${default})."`
	APIKeyFile    string `name:"api-key-file" placeholder:"FILE" help:"File with LiveKit's API key, - for standard input (or LIVEKIT_API_KEY)."`
	APISecretFile string `name:"api-secret-file" placeholder:"FILE" help:"File with LiveKit's API secret, - for standard input (or LIVEKIT_API_SECRET)."`
	TokenFile     string `placeholder:"FILE" help:"File with the WHIP endpoint's bearer token, - for standard input."`
}

// given tells that any is, but those with a default.
func (f targetFlags) given() bool {
	f.Via = ""
	return f != targetFlags{}
}

// cameraFlags say how one camera is read, for commands without a site's file.
type cameraFlags struct {
	Username     string `placeholder:"USER" help:"The camera's account."`
	PasswordFile string `placeholder:"FILE" help:"File with the account's password, - for standard input."`
	Transport    string `enum:"auto,tcp,udp,multicast" default:"auto" help:"How RTP comes from the camera: auto, tcp, udp or multicast (default: ${default})."`
	Codec        string `enum:"h264,h265" default:"h264" help:"The video's codec, h264 or h265; LiveKit Ingress takes h264 only (default: ${default})."`
	KeyFrame     string `name:"keyframe" enum:"auto,off,rtcp,axis,isapi,sunapi,onvif,session" default:"auto" help:"How the camera is asked for key frames: auto, off, rtcp, axis, isapi, sunapi, onvif or session (default: ${default})."`
	Web          string `placeholder:"URL" help:"The camera's web server, to ask for key frames (default: port 80 of its host)."`
}

// given tells that any is, but those with a default.
func (f cameraFlags) given() bool { return f.Username != "" || f.PasswordFile != "" || f.Web != "" }

// single is the file of a site with one camera, not completed yet.
func single(command, rtspURL, whipURL string, from cameraFlags, to targetFlags) (*site.Config, error) {
	switch {
	case whipURL != "" && (to.LiveKit != "" || to.Room != ""):
		return nil, usagef("%s: either a WHIP URL, or --livekit and --room", command)
	case whipURL == "" && to.TokenFile != "":
		return nil, usagef("%s: --token-file needs a WHIP URL", command)
	}
	cam := site.DefaultCamera()
	cam.Name, cam.URL = nameOf(rtspURL), rtspURL
	cam.Username, cam.PasswordFile, cam.Web = from.Username, from.PasswordFile, from.Web
	cam.Transport, cam.Codec, cam.KeyFrame = site.Transport(from.Transport), site.Codec(from.Codec), site.KeyFrame(from.KeyFrame)
	cfg := site.Default()
	if whipURL != "" {
		cam.WHIP = &site.WHIP{URL: whipURL, TokenFile: to.TokenFile}
	} else {
		cfg.LiveKit.URL, cfg.LiveKit.Room, cfg.LiveKit.Via = to.LiveKit, to.Room, site.Via(to.Via)
		cfg.LiveKit.APIKeyFile, cfg.LiveKit.APISecretFile = to.APIKeyFile, to.APISecretFile
	}
	cfg.Cameras = []site.Camera{cam}
	return &cfg, nil
}

// complete fills in the secrets and holds the file to the rules of all.
func complete(cfg *site.Config, a *app) error {
	return cfg.Complete(site.Sources{Env: a.env, Secret: secretReader(a.stdin)})
}
