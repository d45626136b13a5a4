package rtspsrc

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
)

// Transport is how RTP travels from the camera.
type Transport int

const (
	// Auto is TCP, and UDP where the camera refuses TCP.
	Auto Transport = iota
	// TCP interleaves RTP with the RTSP connection: it passes every firewall that
	// RTSP passes and loses nothing, at the price of delay when the network drops
	// packets.
	TCP
	// UDP sends RTP in datagrams. If none arrives within Config.UDPSilence, TCP is
	// used: a firewall is the usual reason.
	UDP
	// Multicast joins the group that the camera names.
	Multicast
)

// String returns the transport's name as it is written in configuration files.
func (t Transport) String() string {
	switch t {
	case Auto:
		return "auto"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case Multicast:
		return "multicast"
	}
	return fmt.Sprintf("Transport(%d)", int(t))
}

// ParseTransport is the inverse of [Transport.String]; "" is [Auto].
func ParseTransport(s string) (Transport, error) {
	switch strings.ToLower(s) {
	case "", "auto":
		return Auto, nil
	case "tcp":
		return TCP, nil
	case "udp":
		return UDP, nil
	case "multicast":
		return Multicast, nil
	}
	return Auto, fmt.Errorf("transport %q: want auto, tcp, udp or multicast", s)
}

// TLSConfig says how the camera's certificate is checked when the URL begins
// with rtsps. The zero value trusts what the operating system trusts.
type TLSConfig struct {
	// Insecure accepts every certificate: anybody on the way can read the video
	// and the password.
	Insecure bool
	// SHA256 is the fingerprint of the one certificate to accept, as 64
	// hexadecimal digits, colons allowed. Names and dates in the certificate then
	// do not matter, which suits the certificates that cameras make themselves.
	SHA256 string
}

// Config describes a camera. Only URL is required.
type Config struct {
	// URL begins with rtsp:// or rtsps://. The port defaults to 554 and 322.
	// rtsp+http://, rtsp+https://, rtsp+ws:// and rtsp+wss:// go through a tunnel to
	// the camera's web port, by default 80 and 443.
	// A user name and password in it are used, but see Username.
	URL string

	// Username and Password win over those in the URL and may hold any character.
	Username string
	Password string

	Transport Transport
	TLS       TLSConfig

	// VideoTrack chooses among several video tracks: a number counts them from 0
	// in the camera's order, anything else is looked for in each track's title and
	// control URL. Empty: VideoCodec before anything else, then the largest picture.
	VideoTrack string
	// VideoCodec is the codec that the video must have: H264, the default, or H265.
	VideoCodec string

	// Stall is how long the video may send nothing before the session ends with
	// ErrStalled; the first packet may take twice as long. Default 5 s, negative:
	// never.
	Stall time.Duration

	// DialTimeout bounds connecting, TLS included. Default 10 s.
	DialTimeout time.Duration
	// RequestTimeout is how long the camera may take to answer one request.
	// Default 10 s, the least that RFC 7826 section 10.4 allows.
	RequestTimeout time.Duration
	// UDPSilence is how long UDP may bring nothing after PLAY before TCP is used.
	// Default 3 s.
	UDPSilence time.Duration

	// ReorderDelay is how long a packet that has come over UDP waits for those before
	// it; what is missing then is lost. Default 20 ms, negative: not at all. Encrypted
	// packets (SRTP) are gortsplib's to put in order, and one that is missing holds up
	// the 64 after it: TCP is better for them, and the default.
	ReorderDelay time.Duration
	// UDPBuffer is the size of the receive buffer of each UDP socket in bytes. A key
	// frame comes in one burst. The system may grant less, as net.core.rmem_max does
	// on Linux. Default 2 MiB.
	UDPBuffer int

	// DialContext opens TCP connections. Default: net.Dialer's.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	// UserAgent is sent with each request; some cameras insist on one.
	UserAgent string

	// OnBlock, if set, is called when all packets that have arrived were handed
	// over and the reader is about to wait for more. Over UDP several goroutines
	// call it at once.
	OnBlock func()

	// Logger receives changes, never packets. Default: discard.
	Logger *slog.Logger
}

// withDefaults returns c with every optional field set.
func (c Config) withDefaults() Config {
	if c.VideoCodec == "" {
		c.VideoCodec = H264
	}
	if c.Stall == 0 {
		c.Stall = 5 * time.Second
	}
	if c.DialTimeout <= 0 {
		c.DialTimeout = 10 * time.Second
	}
	if c.RequestTimeout <= 0 {
		c.RequestTimeout = 10 * time.Second
	}
	if c.UDPSilence <= 0 {
		c.UDPSilence = 3 * time.Second
	}
	switch {
	case c.ReorderDelay == 0:
		c.ReorderDelay = 20 * time.Millisecond
	case c.ReorderDelay < 0:
		c.ReorderDelay = 0
	}
	if c.UDPBuffer <= 0 {
		c.UDPBuffer = 2 << 20
	}
	if c.DialContext == nil {
		c.DialContext = (&net.Dialer{}).DialContext
	}
	if c.UserAgent == "" {
		c.UserAgent = "rtsp2whip"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// parseFingerprint reads the SHA-256 of a certificate; "" gives nil.
func parseFingerprint(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	if i := strings.LastIndexAny(s, "=/"); i >= 0 { // "sha256/.." and openssl's "sha256 Fingerprint=.."
		s = s[i+1:]
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "sha256:") {
		s = s[7:]
	}
	s = strings.NewReplacer(":", "", " ", "").Replace(s)
	fp, err := hex.DecodeString(s)
	if err != nil || len(fp) != 32 {
		return nil, fmt.Errorf("a SHA-256 fingerprint has 64 hexadecimal digits")
	}
	return fp, nil
}
