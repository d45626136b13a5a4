package publisher

import "fmt"

// choose picks the tracks to play: the video, and the first audio track that
// the target takes. Feeds of the session before go on where the track is the
// same, so that sequence numbers and timestamps continue.
func (p *Publisher) choose(src SourceSession) ([]*feed, error) {
	p.mu.Lock()
	old := p.feeds
	p.mu.Unlock()

	var feeds []*feed
	notes := src.Ignored()
	audioNote := ""
	var hasAudio bool
	for _, t := range src.Tracks() {
		switch {
		case t.Kind == Video && t.Codec == p.cfg.Codec && len(feeds) == 0:
			feeds = append(feeds, p.videoFeed(t))
		case t.Kind != Audio || hasAudio:
		case !p.cfg.Audio:
			audioNote = "audio is off in the configuration"
		case (t.Codec == CodecPCMA || t.Codec == CodecPCMU || t.Codec == CodecG722) && (t.ClockRate != 8000 || t.Channels > 1):
			audioNote = fmt.Sprintf("audio left out: %s at %d Hz with %d channels; WebRTC has it at 8000 Hz mono only",
				t.Codec, t.ClockRate, t.Channels)
		case len(p.cfg.Target.AudioCodecs(t.Codec)) == 0:
			audioNote = fmt.Sprintf("audio left out: %s does not take %s; set the camera's audio to G.711 or Opus", p.cfg.Target, t.Codec)
		default:
			hasAudio = true
			audioNote = ""
			feeds = append(feeds, p.audioFeed(t, old))
		}
	}
	if len(feeds) == 0 || feeds[0].video == nil {
		return nil, &hinted{text: "the camera offers no " + dotted(p.cfg.Codec) + " video",
			hint: "set its video codec to " + dotted(p.cfg.Codec), slow: true, unfit: true}
	}
	p.setNotes(notes, audioNote)
	return feeds, nil
}

// videoFeed is one and the same for the publisher's life.
func (p *Publisher) videoFeed(t Track) *feed {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.video == nil {
		p.video = newVideoFeed(t, p.cfg, &p.sent, &p.taps, p.wantKeyFrame)
	} else {
		p.video.restart(t)
	}
	return p.video
}

func (p *Publisher) audioFeed(t Track, old []*feed) *feed {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range old {
		if f.track.Kind == Audio && f.track.Codec == t.Codec &&
			f.track.ClockRate == t.ClockRate && f.track.Channels == t.Channels {
			f.restart(t)
			return f
		}
	}
	return newAudioFeed(t, &p.sent, &p.taps)
}

// dotted is a video codec's name as people write it.
func dotted(codec string) string {
	if codec == CodecH265 {
		return "H.265"
	}
	return "H.264"
}
