package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/keyframe"
	"github.com/rtsp2whip/rtsp2whip/internal/repack"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// judge tells what was found in the stream. cut says that the look at it was cut short:
// what did not come then proves nothing.
func (e *exam) judge(s *rtspsrc.Session, v *video, asked keyframe.Status, cut bool, put func(string, Result)) {
	m, st := v.measured(), v.repack.Stats()
	codec := s.Tracks()[0].Codec
	if !cut || len(m.keys) > 0 {
		put(stepKey, lateKey(s, v, m))
	}
	put(stepCodec, codecOf(codec, st))
	put(stepPicture, pictureOf(st, m))
	put(stepRate, good(0, fmt.Sprintf("%s Mb/s over %s s", number1(m.bitrate/1e6, 2), number1(m.span.Seconds(), 1)),
		Facts{"bits_per_second": round(m.bitrate, 0), "seconds": round(m.span.Seconds(), 1)}))
	if !cut || asked.GOP > 0 {
		put(stepGOP, gopOf(m, asked))
	}
	put(stepBFrames, e.bframesOf(v, st))
	put(stepMarkers, markersOf(m))
	put(stepPace, paceOf(m))
	if err := s.Err(); err != nil {
		put(stepLoss, bad(m.span, err, "look at cable, power and firmware of the camera: it has ended the session by itself"))
	}
	put(stepLoss, lossOf(s.Stats()))
	put(stepAudio, e.audioOf(s, v))
	if !cut || v.askKnown() {
		put(stepAsk, v.asked(asked))
	}
}

// number1 writes a number with at most so many decimals.
func number1(x float64, decimals int) string {
	return strconv.FormatFloat(round(x, decimals), 'f', -1, 64)
}

// codecOf reads the profile out of the parameter set's three bytes.
func codecOf(codec string, st repack.VideoStats) Result {
	id, err := strconv.ParseUint(st.ProfileLevelID, 16, 32)
	if st.ProfileLevelID == "" || err != nil {
		return Result{Text: "no parameter sets were found"}.fails("switch on in-band parameter sets (SPS and PPS) in the camera's stream settings")
	}
	profile, flags, level := int(id>>16), int(id>>8&0xff), int(id&0xff)
	name := strings.Replace(codec, "H26", "H.26", 1)
	p, l := profileOf(codec, profile, flags), number1(float64(level)/10, 1)
	if codec == rtspsrc.H265 {
		l = number1(float64(level)/30, 1)
	}
	return good(0, fmt.Sprintf("%s %s, level %s (%s)", name, p, l, st.ProfileLevelID),
		Facts{"codec": codec, "profile": p, "level": l, "profile_level_id": st.ProfileLevelID})
}

func profileOf(codec string, profile, flags int) string {
	if codec == rtspsrc.H265 {
		switch profile {
		case 1:
			return "Main"
		case 2:
			return "Main 10"
		}
		return fmt.Sprintf("profile %d", profile)
	}
	switch profile {
	case 66:
		if flags&0x40 != 0 { // constraint_set1_flag
			return "Constrained Baseline"
		}
		return "Baseline"
	case 77:
		return "Main"
	case 88:
		return "Extended"
	case 100:
		return "High"
	case 110:
		return "High 10"
	}
	return fmt.Sprintf("profile %d", profile)
}

func pictureOf(st repack.VideoStats, m measured) Result {
	if st.Width == 0 {
		return Result{Text: "the size is not known"}.fails("switch on in-band parameter sets (SPS and PPS) in the camera's stream settings")
	}
	r := good(0, fmt.Sprintf("%dx%d at %s frames a second", st.Width, st.Height, number1(m.fps, 1)),
		Facts{"width": st.Width, "height": st.Height, "fps": round(m.fps, 1)})
	if st.Interlaced {
		what, remedy := split(st.Problem)
		r.Text += "; " + what
		return r.but(remedy)
	}
	return r
}

// gopOf is the distance of key frames that came by themselves.
func gopOf(m measured, asked keyframe.Status) Result {
	gop, frames := asked.GOP, asked.GOP.Seconds()*m.fps
	for i, k := range m.keys[min(1, len(m.keys)):] {
		if before := m.keys[i]; k.at.Sub(before.at) == gop { // those two
			gop, frames = m.apart(before, k), float64(k.frame-before.frame)
			break
		}
	}
	if n := len(m.keys) - 1; asked.Asks == 0 && n > 0 {
		first, last := m.keys[0], m.keys[n]
		gop, frames = m.apart(first, last)/time.Duration(n), float64(last.frame-first.frame)/float64(n)
	}
	facts := Facts{"seen": len(m.keys)}
	const hint = "set the camera's key frame interval (GOP) to 1 to 2 seconds: a viewer may wait that long for the picture"
	if gop == 0 {
		if asked.Way != "" {
			return good(0, fmt.Sprintf("%d in %s s, for the asking; by themselves they are rare", len(m.keys), number1(m.span.Seconds(), 1)), facts)
		}
		return good(0, fmt.Sprintf("%d in %s s, too few to tell how often they come", len(m.keys), number1(m.span.Seconds(), 1)), facts).but(hint)
	}
	facts["seconds"], facts["frames"] = round(gop.Seconds(), 2), round(frames, 0)
	r := good(0, fmt.Sprintf("every %s s (%.0f frames)", number1(gop.Seconds(), 1), frames), facts)
	if gop > 4*time.Second && asked.Way == "" {
		return r.but(hint)
	}
	return r
}

func (e *exam) bframesOf(v *video, st repack.VideoStats) Result {
	facts := Facts{"present": st.BFrames}
	switch {
	case !st.BFrames && !v.repack.Judged():
		return good(0, "not enough of the stream was seen to tell", nil).but("run this again when the camera sends complete key frames")
	case !st.BFrames:
		return good(0, "none", facts)
	}
	what, remedy := split(v.repack.BFramesSentence())
	if e.cfg.DropsBFrames {
		return good(0, fmt.Sprintf("some, left out (b_frames: drop): %d so far", st.DroppedBFrames), facts).but(remedy)
	}
	return Result{Text: what, Facts: facts}.fails(remedy + ", or leave them out by b_frames: drop")
}

// markersOf judges the marker bit, which ends a frame (RFC 6184 section 5.1).
func markersOf(m measured) Result {
	whole := max(m.frames-1, 0) // the last one may go on
	r := good(0, "each frame ends with one", Facts{"frames": whole, "ended": m.ended, "early": m.early})
	const hint = "nothing needs to be done: frames are told apart by their timestamps, a packet later; new firmware may mend it"
	switch {
	case m.ended == 0:
		r.Text = "none at all"
		return r.but(hint)
	case m.early > whole/50:
		r.Text = "also within frames, where they mean nothing"
		return r.but(hint)
	case m.ended < whole-max(2, whole/50):
		r.Text = fmt.Sprintf("missing from %d of %d frames", whole-m.ended, whole)
		return r.but(hint)
	}
	return r
}

// paceOf judges the camera's clock by the timestamps.
func paceOf(m measured) Result {
	facts := Facts{"jumps": m.jumps}
	if m.jumps > 0 {
		return good(0, fmt.Sprintf("jump %d times within %s s", m.jumps, number1(m.span.Seconds(), 1)), facts).but(
			"nothing needs to be done: they are made continuous; new firmware may mend it")
	}
	if !m.driftOK {
		return good(0, "too few frames to compare them with this box's clock", facts)
	}
	percent := round(m.drift*100, 1)
	facts["drift_percent"] = percent
	if percent > -2 && percent < 2 {
		return good(0, fmt.Sprintf("keep pace with this box's clock (within %s %%)", number1(max(0.1, max(percent, -percent)), 1)), facts)
	}
	way := "faster"
	if percent < 0 {
		way, percent = "slower", -percent
	}
	return good(0, fmt.Sprintf("run %s %% %s than this box's clock", number1(percent, 1), way), facts).but(
		"set the camera's frame rate to 25 or 30 and its time to NTP; with a very busy network this may be its delay")
}

func lossOf(st rtspsrc.Stats) Result {
	all := st.PacketsReceived + st.PacketsLost
	facts := Facts{"packets": st.PacketsReceived, "lost": st.PacketsLost, "late": st.PacketsLate, "unusable": st.PacketsUnusable}
	r := good(0, fmt.Sprintf("none of %d packets", all), facts)
	if st.PacketsLost > 0 {
		r.Text = fmt.Sprintf("%d of %d packets between camera and box", st.PacketsLost, all)
		return r.but("look at cable, switch and WLAN between camera and box, and take transport: tcp")
	}
	if st.PacketsUnusable > 0 || st.JunkBytes > 0 {
		r.Text += fmt.Sprintf("; %d unusable, %d bytes of junk", st.PacketsUnusable, st.JunkBytes)
	}
	return r
}

// audioOf tells what becomes of the sound.
func (e *exam) audioOf(s *rtspsrc.Session, v *video) Result {
	const hint = "set the camera's audio to G.711 or Opus, or off"
	for _, t := range s.Tracks() {
		if t.Kind != rtspsrc.Audio {
			continue
		}
		r := good(0, fmt.Sprintf("%s, %d Hz, %s", t.Codec, t.ClockRate, channels(t.Channels)),
			Facts{"codec": t.Codec, "clock_rate": t.ClockRate, "channels": t.Channels, "packets": v.sound.count(t.ID)})
		switch {
		case !e.cfg.Audio:
			r.Text += "; switched off"
			return r
		case v.sound.count(t.ID) == 0:
			r.Text += ": announced, but silent, so it is left out"
			return r.but("switch the camera's microphone on, or its audio off")
		case !e.takes(t):
			r.Text += ": left out, the target does not take it"
			return r.but(hint)
		}
		return r
	}
	for _, t := range s.Ignored() {
		if t.Kind == rtspsrc.Audio {
			return good(0, t.Codec+": left out: "+t.Reason, Facts{"codec": t.Codec}).but(hint)
		}
	}
	return good(0, "none", nil)
}

func channels(n int) string {
	if n == 1 {
		return "mono"
	}
	return fmt.Sprintf("%d channels", n)
}

// takes tells whether the target plays a codec, as the publisher judges it.
func (e *exam) takes(t rtspsrc.Track) bool {
	switch t.Codec {
	case "opus":
		return true
	case "PCMA", "PCMU":
		return t.ClockRate == 8000 && t.Channels <= 1
	case "G722":
		return t.ClockRate == 8000 && t.Channels <= 1 && (e.cfg.Target == nil || e.cfg.Target.Via == WHIP)
	}
	return false
}
