package rtspsrc_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// Receive a camera's video until ten packets have come.
func Example() {
	camera := exampleCamera() // a simulated one; yours is rtsp://10.0.0.11/...
	defer camera.Stop()

	src, err := rtspsrc.New(rtspsrc.Config{
		URL:      camera.URL(),
		Username: "viewer",
		Password: "any / character # works",
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	session, err := src.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	for _, t := range session.Tracks() {
		fmt.Println(t.Kind, t.Codec, t.ClockRate)
	}

	enough := make(chan struct{})
	packets := 0
	video := session.Tracks()[:1]
	err = session.Play(ctx, video, func(t rtspsrc.Track, pkt *rtp.Packet, arrived time.Time) {
		if packets++; packets == 10 {
			close(enough)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	select {
	case <-enough:
		fmt.Println("ten packets over", session.Stats().Protocol)
	case <-session.Done():
		log.Fatal(session.Err())
	}
	// Output:
	// video H264 90000
	// audio PCMU 8000
	// ten packets over tcp
}

// An error says what failed; its hint says what to do about it.
func ExampleError() {
	_, err := rtspsrc.New(rtspsrc.Config{URL: "http://10.0.0.11/"})
	fmt.Println(err)

	var e *rtspsrc.Error
	if errors.As(err, &e) {
		fmt.Println(e.Hint())
		fmt.Println("try again soon:", !e.Slow())
	}
	// Output:
	// url: bad camera URL: it begins with http://
	// use the camera's RTSP URL (rtsp://...), not the address of its web page
	// try again soon: false
}
