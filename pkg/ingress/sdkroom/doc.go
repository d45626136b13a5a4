// Package sdkroom publishes RTP into a LiveKit room as any participant does: through
// the signalling connection and the peer connection of LiveKit's own SDK for Go. It
// needs neither Ingress nor WHIP at the far end, takes TURN servers from LiveKit, and
// resumes after a lost connection.
//
// Its callers hand over RTP packets that are ready to be sent, as those of
// pkg/whip do. Video is one stream of H.264: the SDK (v2.18.1) does not announce the
// codec of a single H.265 stream, and LiveKit forwards none of it
// (github.com/livekit/livekit-cli/issues/837). Neither does the SDK tell of dynacast, by
// which LiveKit stops streams that nobody watches, but for simulcast of its own making.
package sdkroom
