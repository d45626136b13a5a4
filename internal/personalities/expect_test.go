package personalities_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/personalities"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// expectation is what is to become of one camera. The zero value is that of a
// camera that simply plays: every picture in full, from the first one on.
type expectation struct {
	does string // for the page; "" if nothing needs to be said beyond "Plays."

	lossy bool // pictures are lost on the way to us, so some do not arrive
	gaps  bool // the camera goes away for a while, or sends some pictures to nobody
	burst bool // more comes at once than the way to the receiver may take
	tight bool // the receiver's buffer is a system's default, not one of a server

	watch    time.Duration // look on at least so long; scaled
	slow     time.Duration // the camera's session timeout, where scaled it would be shorter than any program waits
	patience time.Duration // how much longer what is checked may take; 0: a minute
	frames   int           // and for so many pictures; 0: 60
	audio    string        // codec that arrives, "" for none
	prepare  func(c *site.Camera, cam *camsim.Running)
	check    func(o outcome) error
}

// keyFrames asks for a number of key frames.
func keyFrames(n int) func(outcome) error {
	return func(o outcome) error {
		if o.KeyFrames < n {
			return fmt.Errorf("%d key frames arrived, want %d", o.KeyFrames, n)
		}
		return nil
	}
}

// sessions asks for numbers of sessions with the camera and with the server.
func sessions(camera, server int) func(outcome) error {
	return func(o outcome) error {
		if int(o.status.CameraSessions) != camera || o.posts != server {
			return fmt.Errorf("%d RTSP and %d WHIP sessions, want %d and %d", o.status.CameraSessions, o.posts, camera, server)
		}
		return nil
	}
}

// stays asks for one session on either side.
var stays = sessions(1, 1)

func said(what string) func(outcome) error {
	return func(o outcome) error {
		if all := strings.Join(append(o.status.Notes, o.status.AudioNote), "\n"); !strings.Contains(all, what) {
			return fmt.Errorf("%q is nowhere said, only %q", what, all)
		}
		return nil
	}
}

// plays asks for the camera's smaller stream, for a reason.
func plays(why string) func(outcome) error {
	return func(o outcome) error {
		if s := o.status; s.Stream != publisher.Sub || !strings.Contains(s.StreamNote, why) {
			return fmt.Errorf("the %s stream plays: %s", s.Stream, s.StreamNote)
		}
		return nil
	}
}

// settles is the check of a camera whose main stream is too wide: one change to the
// small stream, whose pictures then arrive one after the other for a while. A machine
// that stands still makes bursts of them, which the way does not carry: it is another
// while that counts then.
func settles() func(outcome) error {
	const enough = 250
	var begin personalities.Report
	return func(o outcome) error {
		if o.status.StreamChanges != 1 || !slices.Contains(o.Sizes, "640x360") {
			return fmt.Errorf("%d changes of the stream; pictures of %v arrived", o.status.StreamChanges, o.Sizes)
		}
		if err := plays("did not carry")(o); err != nil {
			return err
		}
		switch {
		case begin.Pictures == 0 && o.status.State == publisher.Live && o.status.FPS > 20:
			begin = o.Report
			fallthrough
		case begin.Pictures == 0 || o.Pictures < begin.Pictures+enough:
			return errors.New("the small stream has not played for long")
		case o.Skipped > begin.Skipped+enough/50:
			before := begin
			begin = o.Report
			return fmt.Errorf("%d of %d pictures of the small stream are missing", o.Skipped-before.Skipped, o.Pictures-before.Pictures)
		}
		return nil
	}
}

func sizes(want ...string) func(outcome) error {
	return func(o outcome) error {
		for _, w := range want {
			if !slices.Contains(o.Sizes, w) {
				return fmt.Errorf("pictures of %v arrived, want %s", o.Sizes, w)
			}
		}
		return nil
	}
}

// together asks that receivers are told of so much that the picture comes later than
// the sound, as well as a busy machine can tell.
func together(want time.Duration) func(outcome) error {
	return func(o outcome) error {
		if (o.slow - want).Abs() > 100*time.Millisecond {
			return fmt.Errorf("receivers take the picture to come %s later than its sound, want %s", o.slow, want)
		}
		return nil
	}
}

func steadyAudio(o outcome) error {
	if o.AudioUneven > 4 { // until the latest of the camera's stamps is known
		return fmt.Errorf("%d of %d audio packets with an uneven timestamp", o.AudioUneven, o.Audio)
	}
	return nil
}

// either asks for one of two signs of the same.
func either(a, b func(outcome) error) func(outcome) error {
	return func(o outcome) error {
		first := a(o)
		if first == nil {
			return nil
		}
		if second := b(o); second != nil {
			return errors.Join(first, second)
		}
		return nil
	}
}

func all(checks ...func(outcome) error) func(outcome) error {
	return func(o outcome) error {
		var errs []error
		for _, check := range checks {
			errs = append(errs, check(o))
		}
		return errors.Join(errs...)
	}
}

// returns is the check of a camera that goes off: the session ends after hold,
// and the picture is back soon after the camera.
func returns(o outcome) error {
	if o.deletes < 1 || o.posts != 2 || o.Streams != 2 {
		return fmt.Errorf("%d sessions, %d of them ended with DELETE, %d streams arrived", o.posts, o.deletes, o.Streams)
	}
	if o.back == 0 || o.back > 10*time.Second {
		return fmt.Errorf("the picture was back %v after the camera", o.back)
	}
	return nil
}

func pacing(c *site.Camera, _ *camsim.Running) { c.Pacing = site.PacingAuto }

// unhurt asks that bursts cost next to nothing on their way. Where a busy machine has
// read too late for a small buffer, it is the next few bursts that count.
func unhurt() func(outcome) error {
	const enough = 3000 // packets, in which there are key frames
	var begin publisher.Status
	done := false
	return func(o outcome) error {
		packets, nacked := o.status.Packets-begin.Packets, o.status.Nacked-begin.Nacked
		switch {
		case done:
			return nil
		case o.status.Pacing.Delayed > 0 && packets >= enough && nacked <= packets/100:
			done = true
			return nil
		case packets >= enough:
			begin = o.status
		}
		return fmt.Errorf("%d of %d packets were asked for again: %+v", nacked, packets, o.status.Pacing)
	}
}

// live says that a camera still plays at the end.
func live(o outcome) error {
	if o.status.State != publisher.Live {
		return fmt.Errorf("%s at the end: %s", o.status.State, o.status.Reason)
	}
	return nil
}

const foundOut = "Plays: finds out within seconds that it is to be asked so, and asks so for every viewer who joins"

// honours asks for the way to have been found in which the camera is asked for key
// frames, and for an answer at once.
func honours(way string) func(outcome) error {
	return func(o outcome) error {
		if p := o.status.Prompt; p.Way != way || p.Delay <= 0 || p.Delay > 5*time.Second { // by itself one comes in 12 s
			return fmt.Errorf("asks for key frames by %q, after %d tries, and waits %v; want %s", p.Way, p.Asks, p.Delay, way)
		}
		return nil
	}
}

// deaf asks for the sentence about a camera that honours nothing, and for an end of
// asking those that refuse the account.
func deaf(o outcome) error {
	switch {
	case !strings.Contains(o.status.Reason, "set its key frame interval (GOP) to 1 to 2 seconds"):
		return fmt.Errorf("reason %q, after %d tries", o.status.Reason, o.status.Prompt.Asks)
	case o.web.Refused > 3: // once by Digest; by a token and, as its clock might have changed, no more
		return fmt.Errorf("the account was refused %d times", o.web.Refused)
	}
	return nil
}

var expectations = map[string]expectation{
	"long-gop-isapi":          {does: foundOut + ".", frames: 1, check: honours("isapi")},
	"long-gop-sunapi":         {does: foundOut + ".", frames: 1, check: honours("sunapi")},
	"long-gop-onvif":          {does: foundOut + ", by the camera's clock.", frames: 1, check: honours("onvif")},
	"long-gop-onvif-old":      {does: foundOut + ".", frames: 1, check: honours("onvif")},
	"long-gop-second-session": {does: foundOut + ".", frames: 1, check: honours("session")},
	"long-gop-one-reader": {does: "Plays: tries once what a second session does, and never again.",
		frames: 1, gaps: true, watch: 250 * time.Second, check: all(sessions(2, 1), live)},
	"long-gop-deaf": {does: "Plays, asks nobody twice who refuses the account, and says which setting of the camera to change.",
		frames: 1, watch: 120 * time.Second, check: deaf},

	"qop-auth":         {does: "Plays: answers the challenge as RFC 7616 says."},
	"sha256-only":      {does: "Plays: answers with SHA-256."},
	"stale-nonce":      {does: "Plays on in one session: takes the new nonce.", watch: 60 * time.Second, slow: 6 * time.Second, check: stays},
	"odd-password":     {does: "Plays: user name and password are keys of their own. No log shows the password."},
	"rtsps-selfsigned": {does: "Plays with the certificate's SHA-256 given; any other certificate is refused.", prepare: pin},

	"bad-content-base": {does: "Plays: goes by the request's URL."},
	"control-zoo":      {does: "Plays both tracks.", audio: "opus"},
	"broken-sdp":       {does: "Plays: mends the description before it is parsed; parameter sets come from the stream."},
	"no-sprop":         {does: "Plays from the first key frame on."},
	"oob-only":         {does: "Plays: puts the parameter sets before every key frame.", check: keyFrames(2)},
	"lying-plid":       {does: "Plays: offers the profile that the stream has.", check: offers("4d")},
	"mode0-fua":        {does: "Plays: goes by what is sent."},

	"udp-only":         {does: "Plays over UDP."},
	"udp-blackhole":    {does: "Plays over TCP when nothing has come over UDP for 3 s.", gaps: true, check: within(8 * late * time.Second)},
	"udp-lossy":        {does: "Plays: puts packets in order, sends no torn picture, and asks for a key frame after a loss.", lossy: true, watch: 80 * time.Second},
	"foreign-channels": {does: "Plays: goes by the channels of the answer.", audio: "PCMA"},
	"session-change":   {does: "Plays: uses the newest id.", audio: "PCMA"},
	"stale-live555":    {does: "Plays once the old media has ended; waits for that without hurry.", gaps: true},
	"mute-keepalive":   {does: "Plays on: needs no answer.", watch: 150 * time.Second, check: stays},
	"keepalive-405":    {does: "Plays on: the refused request keeps the session alive all the same.", watch: 150 * time.Second, check: stays},
	"short-timeout":    {does: "Plays on: sends keep-alives often enough.", watch: 80 * time.Second, slow: 6 * time.Second, check: stays},
	"report-timeout":   {does: "Plays on: sends receiver reports, over TCP too.", watch: 150 * time.Second, slow: 14 * time.Second, check: stays},
	"one-session":      {does: "Plays: never holds two sessions with a camera.", check: stays},
	"night-reboot": {does: "Plays, ends its session `hold` after the camera has gone, and is back within 10 s of the camera.",
		gaps: true, watch: 135 * time.Second, check: all(returns, live)},
	"falls-silent": {does: "Plays, then opens the camera again and again."},

	"b-frames":       {does: "Refuses; plays with `b_frames: drop`, at a lower frame rate."},
	"jumbo-nal":      {does: "Plays: cuts everything to packets of at most 1200 bytes."},
	"junk-bytes":     {does: "Plays: finds the next frame."},
	"junk-dollars":   {does: "Plays: what looks like a frame must have a known channel and look like RTP. Noise that does costs a picture now and then.", lossy: true},
	"stray-frames":   {does: "Plays: leaves them out."},
	"marker-on-sps":  {does: "Plays: sets the marker at the end of the picture only."},
	"marker-on-sei":  {does: "Plays: sets the marker at the end of the picture only."},
	"no-marker":      {does: "Plays, a frame late: the next timestamp shows where a picture ends."},
	"annexb-in-rtp":  {does: "Plays: takes the start codes out."},
	"lone-fua":       {does: "Plays."},
	"sei-flood":      {does: "Plays: sends slices and parameter sets only."},
	"sei-only-au":    {does: "Plays: leaves these access units out."},
	"lossy":          {does: "Plays: sends no torn picture, and none that refers to a lost one.", lossy: true, watch: 80 * time.Second},
	"ts-reset":       {does: "Plays: timestamps go on evenly.", audio: "PCMA", watch: 80 * time.Second, check: stays},
	"ts-hours-off":   {does: "Plays: timestamps go on evenly."},
	"slow-video":     {does: "Plays, and tells receivers which picture belongs to which sound.", audio: "PCMA", patience: 2 * time.Minute, check: together(300 * time.Millisecond)},
	"clock-step":     {does: "Plays: goes by the time of arrival.", audio: "PCMA", check: together(0)},
	"no-reports":     {does: "Plays: goes by the time of arrival.", audio: "PCMA", check: together(0)},
	"bad-rtcp":       {does: "Plays: leaves it out."},
	"ssrc-per-gop":   {does: "Plays in one stream without a gap.", check: all(keyFrames(2), oneStream)},
	"seq-jumps":      {does: "Plays in one stream without a gap; a jump is not taken for a loss.", check: all(keyFrames(2), oneStream)},
	"opus-jitter":    {does: "Plays: stamps audio by its samples.", audio: "opus", check: steadyAudio},
	"long-gop":       {does: "Plays once the first key frame has come, and says how to shorten the wait.", frames: 1},
	"long-gop-pli":   {does: "Plays at once: asks for a key frame.", check: either(within(4*time.Second), honours("pli"))},
	"long-gop-renew": {does: foundOut + ".", frames: 1, check: honours("axis")},
	"monster-idr":    {does: "Plays in full with `pacing: auto`, which spreads the burst. Without it the way to the server has to take 1.5 MB at once.", tight: true, prepare: pacing, check: all(keyFrames(2), unhurt())},
	"res-switch":     {does: "Plays: changes at a key frame.", frames: 120, check: sizes("640x360", "1280x720")},
	"multi-slice":    {does: "Plays."},
	"multi-pps":      {does: "Plays: sends both before every key frame.", check: keyFrames(2)},
	"pcma":           {does: "Plays both.", audio: "PCMA"},
	"pcmu":           {does: "Plays both.", audio: "PCMU"},
	"opus":           {does: "Plays both.", audio: "opus"},
	"aac-16k":        {does: "Plays the video, and says that WebRTC has no AAC and that G.711 is to be set.", check: said("G.711")},
	"silent-audio":   {does: "Plays the video, and says that the audio is silent.", check: said("sends none")},

	"backchannel-first": {does: "Plays the larger video and the sound; never asks for the back channel.", audio: "PCMA", check: sizes("1280x720")},
	"all-sendonly":      {does: "Plays both.", audio: "PCMA"},
	"hevc-main":         {does: "Plays the other stream, `sub_url`, at once, and says so.", check: all(plays("H265"), stays)},
	"narrow-uplink": {does: "Changes to the small stream, `sub_url`, within seconds, and stays with it; the other one is tried again after 5 minutes.",
		burst: true, lossy: true, gaps: true, check: settles()},
}
