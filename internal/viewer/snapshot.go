package viewer

import "time"

// quiet is how long a live stream may send nothing before that is a problem:
// twice the longest frame interval of any camera worth watching.
const quiet = 3 * time.Second

// snapshot describes the stream.
func (st *stream) snapshot(now time.Time) Stream {
	st.mu.Lock()
	defer st.mu.Unlock()
	out := Stream{
		Name:             st.name,
		Live:             st.live,
		Since:            st.since,
		Profile:          st.pics.profile,
		Width:            st.pics.width,
		Height:           st.pics.height,
		Packets:          st.video.packets,
		Bytes:            st.video.bytes,
		Lost:             st.video.lost(),
		Frames:           st.pics.frames,
		KeyFrames:        st.pics.keyFrames,
		AudioPackets:     st.audio.packets,
		AudioBytes:       st.audio.bytes,
		KeyFrameRequests: st.requests,
		LastPacket:       st.lastPacket,
		Publishers:       st.publishers,
		Viewers:          len(*st.viewers.Load()),
		Problem:          st.problem(now),
	}
	if st.pub != nil {
		out.VideoCodec, out.AudioCodec = st.pub.codecNames()
	}
	return out
}

// problem says what keeps the stream from being seen. The caller holds st.mu.
func (st *stream) problem(now time.Time) string {
	switch {
	case st.pub == nil && st.publishers == 0:
		return "nobody has published this stream yet"
	case st.pub == nil:
		return "the publisher has gone: " + st.left
	case !st.live:
		return "the publisher is connecting"
	}
	began := st.since
	if st.lastPacket.After(began) {
		began = st.lastPacket
	}
	switch {
	case now.Sub(began) > quiet && !st.lastPacket.After(st.since):
		return "the publisher is connected and sends nothing"
	case now.Sub(began) > quiet:
		return "no packet for " + now.Sub(began).Round(time.Second).String()
	case st.pub.video.Load() != nil && st.pics.keyFrames == 0 && now.Sub(st.since) > quiet:
		return "no complete key frame with its parameter sets has come yet"
	}
	return ""
}
