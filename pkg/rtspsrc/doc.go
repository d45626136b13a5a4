// Package rtspsrc receives a camera's RTP packets over RTSP.
//
// It is for programs that pass on what a camera sends without decoding it. It
// chooses one H.264 track, lists the audio tracks beside it, and hands every RTP
// packet of the tracks that were asked for to a function as it arrives:
//
//	src, err := rtspsrc.New(rtspsrc.Config{
//		URL:      "rtsp://10.0.0.11/stream1",
//		Username: "viewer",
//		Password: password,
//	})
//	...
//	session, err := src.Open(ctx) // connect, authenticate, DESCRIBE
//	...
//	defer session.Close()         // TEARDOWN
//	err = session.Play(ctx, session.Tracks(), handler)
//	...
//	<-session.Done()
//	return session.Err()
//
// A [Source] is one camera and may be opened again and again; it remembers which
// transport the camera accepts. A [Session] is one RTSP session: it ends once and
// is not restarted. Reconnecting, and how often, is the caller's business.
//
// # Cameras as they are
//
// Cameras break RFC 2326 and RFC 4566 in many ways. The package repairs what it
// safely can before the answer is parsed: a broken line or a broken track of the
// session description costs that line or track alone ([Session.Ignored] tells
// what was left out), a Content-Base that is no URL is not used, a Transport or
// Session header is read as it was meant. What is not broken is not touched.
//
// Between the camera and the parser, broken message heads are repaired, and junk
// and frames that nobody asked for are left out and counted in [Stats]. A camera's
// own requests are answered; one of them, REDIRECT, ends the session with
// [ErrRedirected], and the next Open goes where it points.
//
// Keep-alives are no proof of life: a camera that answers them but sends no video
// for [Config.Stall] ends the session with [ErrStalled].
//
// # Errors
//
// Every error is an [*Error]: it names the request and the URL (without any
// password), has an [Error.Hint] for the person who installs the camera, and says
// by [Error.Slow] that trying again is useless until somebody has acted. A wrong
// password is such a case, and cameras lock accounts.
//
// [Error.RetryAfter] grows while the same password is refused again and again.
//
// # Packets and goroutines
//
// Over UDP and multicast, packets come in the order of their sequence numbers. One
// that is missing holds up those after it for [Config.ReorderDelay] at most; then
// they go on, and the gap in the numbers tells the handler what was lost where.
// Over TCP nothing is held up.
//
// The handler runs on the goroutine that reads the socket: over TCP one for the
// camera, over UDP one for each track. It must neither block nor call
// [Session.Close], and must not keep the packet: its payload lies where it was
// received, and nothing is allocated for it. [Config.OnBlock] runs on the same
// goroutines each time all that has arrived is handed over, which is the moment to
// send what was gathered.
package rtspsrc
