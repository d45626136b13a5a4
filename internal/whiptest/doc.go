// Package whiptest is a WHIP server (RFC 9725) for tests of WHIP clients. It
// answers with a real WebRTC connection on loopback, receives and counts what is
// sent, and keeps every request. Every reply can be scripted, every answer
// changed, and the media path cut in either direction.
//
//	server := whiptest.NewServer(t, whiptest.Config{Token: "key"})
//	... publish to server.URL() ...
//	session := server.WaitSession(t)
//	session.WaitPackets(t, "video", 100)
//	session.PLI("video")
package whiptest
