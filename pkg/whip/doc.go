// Package whip publishes media over WHIP, the WebRTC-HTTP Ingestion Protocol
// (RFC 9725): an SDP offer goes to the WHIP endpoint in a POST, the answer
// comes back with the URL of a WHIP session, and RTP flows until that session
// is deleted.
//
// The package does not encode and does not packetize. Its callers hand over
// RTP packets that are ready to be sent (1,200 bytes or less), one call a
// packet, and each goes straight through SRTP to the socket: no queue, no copy
// but the one kept for retransmission, no allocation of this package's own. Only [Config.Pacing], where
// it is asked for, puts a bounded queue in between.
//
//	client, err := whip.New(whip.Config{Endpoint: "https://host/w", Token: whip.StaticToken("key")})
//	session, err := client.Publish(ctx, []whip.Track{{Kind: whip.Video, Codecs: []whip.Codec{{Name: whip.H264}}}})
//	err = session.WriteRTP(0, header, payload)
//	err = session.Close(ctx)
//
// What the peer sends back is RTCP: NACKs are answered from the kept packets,
// PLI and FIR reach [Config.OnKeyFrameRequest], receiver reports become [Stats].
//
// A session that is lost is over: [Session.Done] tells, and [Client.Publish] makes the
// next one. The package does not retry by itself, but that it moves a session to
// another path (ICE restart). An [*Error] has what a caller needs for its own pace:
// [Error.Slow] and [Error.RetryAfter], and for people [Error.Hint].
package whip
