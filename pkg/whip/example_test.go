package whip_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

func Example() {
	// A WHIP server of the test's own stands for the real one.
	server, stop := whiptest.Start(whiptest.Config{Token: "stream-key"})
	defer stop()

	client, err := whip.New(whip.Config{
		Endpoint:          server.URL(), // https://host/w
		Token:             whip.StaticToken("stream-key"),
		OnKeyFrameRequest: func(int) { /* ask the encoder for one */ },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	session, err := client.Publish(ctx, []whip.Track{
		{Kind: whip.Video, Codecs: []whip.Codec{{Name: whip.H264, ProfileLevelID: "42c01f"}}},
	})
	if err != nil {
		fmt.Println(err) // a *whip.Error: it has a Hint, and says whether to retry soon
		return
	}
	fmt.Println("publishing", session.Codec(0).Name)

	// A single NAL unit packet (RFC 6184 section 5.6); a real stream has many.
	header := rtp.Header{Version: 2, Marker: true, SequenceNumber: 1, Timestamp: 3000}
	if err := session.WriteRTP(0, &header, []byte{0x65, 0x88, 0x84}); err != nil {
		fmt.Println(err)
	}
	if err := session.Close(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println(session.Err())
	// Output:
	// publishing H264
	// session closed
}

// Whoever publishes for days makes sessions again and again, at the pace that the
// errors ask for.
func ExampleError() {
	server, stop := whiptest.Start(whiptest.Config{Token: "stream-key"})
	defer stop()
	client, err := whip.New(whip.Config{Endpoint: server.URL(), Token: whip.StaticToken("an-old-key")})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Publish(context.Background(), []whip.Track{
		{Kind: whip.Video, Codecs: []whip.Codec{{Name: whip.H264}}},
	})
	var e *whip.Error
	if !errors.As(err, &e) {
		return
	}
	wait := time.Second
	if e.Slow() {
		wait = time.Minute // a person has to act first
	}
	wait = max(wait, e.RetryAfter())
	fmt.Println(e.Op, e.Status, "again in", wait)
	fmt.Println(e.Hint())
	// Output:
	// POST 401 again in 1m0s
	// the server refused the token: check the stream key or the token, and that it has not expired
}
