//go:build linux

package main

import (
	"context"
	"sync"
	"time"

	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// viewer is a participant that watches everything in the room, and counts pictures
// without decoding them. It comes back whenever the server throws it out.
type viewer struct {
	url   string
	token func() string

	mu       sync.Mutex
	pictures map[string]uint64 // by participant
}

// viewerName is its identity.
const viewerName = "soak-viewer"

// run watches until ctx ends.
func (v *viewer) run(ctx context.Context) {
	lksdk.SetLogger(logger.GetDiscardLogger())
	for ctx.Err() == nil {
		v.watch(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// watch is one stay in the room.
func (v *viewer) watch(ctx context.Context) {
	out := make(chan struct{})
	var once sync.Once
	var readers sync.WaitGroup
	defer readers.Wait()
	callbacks := lksdk.NewRoomCallback()
	callbacks.OnDisconnected = func() { once.Do(func() { close(out) }) }
	callbacks.OnTrackSubscribed = func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, p *lksdk.RemoteParticipant) {
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			readers.Go(func() { v.read(track, p.Identity()) })
		}
	}
	room, err := lksdk.ConnectToRoomWithToken(v.url, v.token(), callbacks, lksdk.WithLogger(logger.GetDiscardLogger()))
	if err != nil {
		return
	}
	defer room.Disconnect()
	select {
	case <-out:
	case <-ctx.Done():
	}
}

// read counts a track's pictures: each ends with a marker.
func (v *viewer) read(track *webrtc.TrackRemote, identity string) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if packet.Marker {
			v.mu.Lock()
			v.pictures[identity]++
			v.mu.Unlock()
		}
	}
}

// seen counts the pictures of each participant so far.
func (v *viewer) seen() map[string]uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make(map[string]uint64, len(v.pictures))
	for identity, n := range v.pictures {
		out[identity] = n
	}
	return out
}
