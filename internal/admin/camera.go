package admin

import (
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// Camera is one camera in the answer of /api/cameras.
type Camera struct {
	Name   string          `json:"name"`
	State  publisher.State `json:"state"`
	Since  time.Time       `json:"since"`
	Reason string          `json:"reason"`
	Hint   string          `json:"hint,omitempty"`
	Target string          `json:"target"`

	Stream     publisher.Stream `json:"stream"` // "main" or "sub"
	StreamNote string           `json:"stream_note,omitempty"`

	Codec          string   `json:"codec"`
	ProfileLevelID string   `json:"profile_level_id"`
	Width          int      `json:"width"`
	Height         int      `json:"height"`
	FPS            float64  `json:"fps"`
	Bitrate        float64  `json:"bitrate"` // bits a second
	Audio          string   `json:"audio"`
	AudioNote      string   `json:"audio_note,omitempty"`
	Notes          []string `json:"notes,omitempty"`

	Viewers int `json:"viewers"` // of its LiveKit room; 0 where nobody can be asked

	SessionAge       float64    `json:"session_age"` // seconds; 0: no session
	Path             string     `json:"path,omitempty"`
	PathType         string     `json:"path_type,omitempty"`     // host, srflx, prflx or relay
	PathProtocol     string     `json:"path_protocol,omitempty"` // udp, tcp, tls or dtls
	Packets          uint64     `json:"packets"`
	Bytes            uint64     `json:"bytes"`
	Lost             uint64     `json:"lost"`
	Damaged          uint64     `json:"damaged"`
	Nacked           uint64     `json:"nacked"`
	Retransmitted    uint64     `json:"retransmitted"`
	PLIs             uint64     `json:"plis"`
	FractionLost     float64    `json:"fraction_lost"`
	RTT              float64    `json:"rtt"`            // seconds; 0: unknown
	AvailableRate    float64    `json:"available_rate"` // bits a second that the path carries at least; 0: unknown
	AllowedRate      float64    `json:"allowed_rate"`   // bits a second that the far end lets the video send; 0: no limit
	Restarts         uint64     `json:"ice_restarts"`
	Pacing           *Pacing    `json:"pacing,omitempty"` // nil: off
	KeyFrames        uint64     `json:"key_frames"`
	KeyFrameInterval float64    `json:"key_frame_interval"` // seconds; 0: unknown
	KeyFrameWay      string     `json:"key_frame_way"`      // that the camera honours; "": none is known
	KeyFrameDelay    float64    `json:"key_frame_delay"`    // seconds from asking to the key frame; 0: unknown
	KeyFrameAsks     uint64     `json:"key_frame_asks"`
	LastFrame        *time.Time `json:"last_frame"`
	CameraSessions   uint64     `json:"camera_sessions"`
	TargetSessions   uint64     `json:"target_sessions"`
	CameraFailures   uint64     `json:"camera_failures"`
	TargetFailures   uint64     `json:"target_failures"`
	StreamChanges    uint64     `json:"stream_changes"`
}

// Pacing tells of the queue that spreads a camera's bursts.
type Pacing struct {
	Rate      float64 `json:"rate"`      // bits a second
	Delay     float64 `json:"delay"`     // seconds: the longest wait of a packet in the last seconds
	Delayed   uint64  `json:"delayed"`   // packets that have waited
	Hastened  uint64  `json:"hastened"`  // of those, the ones sent above the rate because they had waited long enough
	Discarded uint64  `json:"discarded"` // retransmissions for which there was no room
}

func cameraOf(s publisher.Status, now time.Time) Camera {
	c := Camera{
		Name: s.Name, State: s.State, Since: s.Since, Reason: s.Reason, Hint: s.Hint, Target: s.Target,
		Stream: s.Stream, StreamNote: s.StreamNote, StreamChanges: s.StreamChanges,
		Codec: s.Codec, ProfileLevelID: s.ProfileLevelID, Width: s.Width, Height: s.Height,
		FPS: s.FPS, Bitrate: s.Bitrate, Audio: s.Audio, AudioNote: s.AudioNote, Notes: s.Notes,
		Viewers: s.Viewers, Path: s.Path, Packets: s.Packets, Bytes: s.Bytes, Lost: s.Lost, Damaged: s.Damaged,
		Nacked: s.Nacked, PLIs: s.PLIs, FractionLost: s.FractionLost, RTT: s.RTT.Seconds(),
		KeyFrames: s.KeyFrames, KeyFrameInterval: s.KeyFrameInterval.Seconds(),
		KeyFrameWay: s.Prompt.Way, KeyFrameDelay: s.Prompt.Delay.Seconds(), KeyFrameAsks: s.Prompt.Asks,
		CameraSessions: s.CameraSessions, TargetSessions: s.TargetSessions,
		CameraFailures: s.CameraFailures, TargetFailures: s.TargetFailures,
		PathType: s.PathType, PathProtocol: s.PathProtocol, Retransmitted: s.Retransmitted,
		AvailableRate: s.AvailableRate, AllowedRate: s.AllowedRate, Restarts: s.Restarts,
	}
	if p := s.Pacing; p.Rate > 0 {
		c.Pacing = &Pacing{p.Rate, p.Delay.Seconds(), p.Delayed, p.Hastened, p.Discarded}
	}
	if !s.SessionSince.IsZero() {
		c.SessionAge = now.Sub(s.SessionSince).Seconds()
	}
	if !s.LastFrame.IsZero() {
		c.LastFrame = &s.LastFrame
	}
	return c
}
