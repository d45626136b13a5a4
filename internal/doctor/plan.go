package doctor

import "strings"

// The steps, by the names that people and programs see.
const (
	stepResolve = "resolve"
	stepConnect = "connect"
	stepTLS     = "TLS"
	stepClock   = "clock"

	stepSystem  = "system"
	stepMemory  = "memory"
	stepFiles   = "open files"
	stepBuffers = "UDP buffers"
	stepSegment = "UDP_SEGMENT"

	stepAuth     = "authenticate"
	stepDescribe = "DESCRIBE"
	stepTracks   = "tracks"
	stepPlay     = "PLAY"
	stepPacket   = "first packet"
	stepKey      = "first key frame"
	stepCodec    = "codec"
	stepPicture  = "picture"
	stepRate     = "bitrate"
	stepGOP      = "key frames"
	stepBFrames  = "B-frames"
	stepMarkers  = "markers"
	stepPace     = "timestamps"
	stepLoss     = "loss"
	stepAudio    = "audio"
	stepAsk      = "ask for a key frame"
	stepTeardown = "TEARDOWN"

	stepGrants  = "API key"
	stepIngress = "ingress"
	stepToken   = "room token"

	stepPost   = "POST"
	stepAnswer = "answer"
	stepJoin   = "join"
	stepICE    = "ICE"
	stepDTLS   = "DTLS"
	stepReport = "receiver report"
	stepTrip   = "round trip"
	stepDelete = "DELETE"
	stepLeave  = "leave"

	stepSeen  = "participant"
	stepClean = "ingress deleted"
)

var (
	boxSteps = []string{stepSystem, stepMemory, stepFiles, stepBuffers, stepSegment}
	reaching = []string{stepResolve, stepConnect, stepTLS, stepClock}

	cameraSteps = []string{
		stepAuth, stepDescribe, stepTracks, stepPlay, stepPacket, stepKey, stepCodec, stepPicture, stepRate, stepGOP,
		stepBFrames, stepMarkers, stepPace, stepLoss, stepAudio, stepAsk, stepTeardown,
	}
	whipSteps = []string{stepPost, stepAnswer, stepICE, stepDTLS, stepReport, stepLoss, stepTrip, stepDelete}
	sdkSteps  = []string{stepJoin, stepICE, stepReport, stepLoss, stepTrip, stepLeave}
)

// plan is what there is to do, in the order in which it is told.
func plan(cfg Config) []step {
	var steps []step
	add := func(p Part, names ...string) {
		for _, n := range names {
			steps = append(steps, step{p, n})
		}
	}
	add(Box, boxSteps...)
	add(Camera, stepResolve, stepConnect)
	if scheme, _, _ := strings.Cut(cfg.Source.URL, "://"); encrypted(scheme) {
		add(Camera, stepTLS)
	}
	add(Camera, cameraSteps...)
	t := cfg.Target
	if t == nil {
		return steps
	}
	if t.Via != WHIP {
		add(LiveKit, reaching...)
		if t.LiveKit != nil {
			add(LiveKit, stepGrants)
		}
		if t.Via == Ingress {
			add(LiveKit, stepIngress)
		} else {
			add(LiveKit, stepToken)
		}
	}
	if t.Via == SDK {
		add(Session, sdkSteps...)
	} else {
		add(Session, reaching...)
		add(Session, whipSteps...)
	}
	if t.LiveKit != nil && t.Via != WHIP {
		add(Room, stepSeen)
		if t.Via == Ingress {
			add(Room, stepClean)
		}
	}
	return steps
}

func encrypted(scheme string) bool {
	return scheme == "rtsps" || scheme == "rtsp+https" || scheme == "rtsp+wss"
}
