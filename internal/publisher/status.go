package publisher

import (
	"time"
)

// State is where a camera stands in its life.
type State string

// The states, in the order of a good start.
const (
	Idle         State = "idle"         // not started, or ended
	Opening      State = "opening"      // connecting to the camera for the first time
	Probing      State = "probing"      // the camera plays; waiting until every track flows
	Publishing   State = "publishing"   // RTP flows; the session with the target is being made
	Live         State = "live"         // connected, and the far end has the frames
	Stalled      State = "stalled"      // the camera answers but sends no frames
	Reconnecting State = "reconnecting" // camera or session lost, or not to be had; trying again
	Waiting      State = "waiting"      // published on demand, and nobody watches
	Standby      State = "standby"      // another publisher is in its place; waiting until it has gone
)

// States lists every state.
func States() []State {
	return []State{Idle, Opening, Probing, Publishing, Live, Stalled, Reconnecting, Waiting, Standby}
}

// Healthy tells whether all is as it should be with a camera in this state.
func (s State) Healthy() bool { return s == Live || s == Waiting }

// Status is a snapshot of one camera. Counters never step back while the
// publisher lives.
type Status struct {
	Name   string
	State  State
	Since  time.Time // of the last change of state
	Reason string    // why it is in this state, "" if all is well
	Hint   string    // what a person can do about it

	Target string // where it is published, without secrets

	Stream        Stream // the one that plays, or is to play
	StreamNote    string // why it is not the main one, "" if it is
	StreamChanges uint64 // from one to the other

	Codec          string
	ProfileLevelID string
	Width, Height  int     // pixels
	FPS            float64 // access units a second, over the last seconds
	Bitrate        float64 // RTP payload sent, bits a second, over the last seconds
	Audio          string  // the audio codec sent; "" for none
	AudioNote      string  // why there is no audio, or what is done to it
	Notes          []string

	Viewers int // of its room, where that can be asked: who may watch and is no camera

	SessionSince     time.Time // zero: no session
	Path             string    // the ICE pair in use
	PathType         string    // host, srflx, prflx or relay; "" for no session
	PathProtocol     string    // udp, tcp, tls or dtls
	Packets, Bytes   uint64    // RTP packets and payload bytes sent
	Lost             uint64    // packets lost between the camera and us
	Damaged          uint64    // access units not sent in full because of that
	Nacked           uint64    // packets the far end asked for again
	Retransmitted    uint64    // packets sent to it again
	Restarts         uint64    // ICE restarts that moved a session to a new path
	AvailableRate    float64   // bits a second that the path carries at least; 0 while unknown
	AllowedRate      float64   // bits a second that the far end lets the video send; 0: it has set no limit
	Pacing           PacingStats
	PLIs             uint64  // key frame requests from the far end
	FractionLost     float64 // 0..1, as the far end reports it
	RTT              time.Duration
	KeyFrames        uint64
	KeyFrameInterval time.Duration
	Prompt           Prompt    // how the camera is asked for key frames
	LastFrame        time.Time // newest video packet sent

	CameraSessions uint64 // RTSP sessions that played
	TargetSessions uint64 // WHIP sessions that connected
	CameraFailures uint64 // failed or lost RTSP sessions
	TargetFailures uint64 // failed or lost WHIP sessions
	Tried          bool   // the first attempt has ended, well or badly
	EverLive       bool
}

// phase is where one side (camera or target) stands.
type phase int

const (
	phaseIdle    phase = iota
	phaseWorking       // opening the camera, or making the session
	phaseProbing       // camera only: playing, not every track flows yet
	phaseUp            // flowing, or connected
	phaseWaiting       // failed, waiting before the next attempt
	phaseResting       // not wanted: nobody watches
	phaseTaken         // target only: another publisher is in its place
)

// side is the state of the camera or of the target.
type side struct {
	phase phase
	fault *Fault // the last failure, nil once up again
	stall bool   // camera only: the last failure was silence
	// camera only: what it sends must not be shown, so that a session does not
	// wait for its return
	barred bool
}

// derive tells the camera's state and its reason from both sides, and from what is
// in doubt of a connected one.
func derive(cam, target side, d *doubt) (State, *Fault) {
	switch {
	case cam.phase == phaseIdle:
		return Idle, nil
	case cam.phase == phaseResting:
		return resting(target)
	case cam.phase == phaseUp && target.phase == phaseResting:
		return resting(target)
	case cam.phase == phaseUp && target.phase == phaseTaken:
		return Standby, target.fault
	case cam.phase == phaseUp && target.phase == phaseUp && d == nil:
		return Live, nil
	case cam.phase == phaseUp && target.phase == phaseUp && d.fault.Text == "":
		return d.state, nil
	case cam.phase == phaseUp && target.phase == phaseUp:
		return d.state, &d.fault
	case cam.phase == phaseUp && target.fault != nil:
		return Reconnecting, target.fault
	case cam.phase == phaseUp:
		return Publishing, nil
	case cam.fault != nil && cam.stall:
		return Stalled, cam.fault
	case cam.fault != nil:
		return Reconnecting, cam.fault
	case cam.phase == phaseProbing:
		return Probing, nil
	default:
		return Opening, nil
	}
}

// resting is the state of a camera that nobody watches. Where nobody would be seen
// coming, something is wrong.
func resting(target side) (State, *Fault) {
	if target.fault != nil {
		return Reconnecting, target.fault
	}
	return Waiting, nil
}
