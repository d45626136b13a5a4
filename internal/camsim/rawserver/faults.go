package rawserver

import "time"

// Control is how control attributes are written (RFC 2326, section C.1.1).
type Control int

// Kinds of control attributes, for a stream at /stream1.
const (
	ControlRelative Control = iota // trackID=0
	ControlAbsolute                // rtsp://host/media/trackID=0?profile=1, which is not below the stream's URL
	ControlSlash                   // /trackID=0, meant to be appended to the stream's URL
	ControlRoot                    // /media/trackID=0, meant as RFC 3986 says
	ControlQuery                   // ?track=0
	ControlMixed                   // each media another
)

// Alive is what keeps a session from timing out.
type Alive int

// What counts as a sign of life.
const (
	AliveByAny          Alive = iota // requests and receiver reports
	AliveByRequest                   // requests only
	AliveByGetParameter              // GET_PARAMETER only
	AliveByReport                    // RTCP receiver reports only
)

// Junk is what comes between interleaved frames.
type Junk int

// Kinds of junk.
const (
	JunkNone    Junk = iota
	JunkLines        // empty lines
	JunkNoise        // empty lines and bytes that begin neither a frame nor a message
	JunkDollars      // the same, with '$' among the bytes
)

// Clock is what sender reports say of the time.
type Clock int

// Clocks.
const (
	ClockRight  Clock = iota
	ClockSteps        // an hour ahead, then an hour behind, and so on
	ClockAbsent       // no sender reports
)

// Faults are what the server does wrong, or differently. The zero value has none.
// It is comparable.
type Faults struct {
	// At the door.
	SHA256    bool // Digest with SHA-256 instead of MD5
	QOP       bool // Digest with qop=auth only (RFC 7616)
	NonceUses int  // a nonce is good for so many requests, then comes a 401 with stale=true

	// In what it offers.
	BackChannelFirst bool   // the first media is a back channel
	Metadata         bool   // a metadata media comes before the video
	SecondClip       string // another video, of this clip, comes before the right one
	SubClip          string // this clip plays at /stream2
	AllSendOnly      bool   // every media says a=sendonly, as seen by the camera

	// In how it says that.
	NoSprop        bool   // no parameter sets
	ProfileLevelID string // this profile-level-id, whatever the stream's is
	ModeZero       bool   // packetization-mode=0, though FU-A is sent
	BadSprop       bool   // parameter sets that are not base64
	DoubleName     bool   // two s= lines
	BadConnection  bool   // a c= line without address
	OddMedia       bool   // an m= line of no known form
	DoubleScheme   bool   // Content-Base: rtsp://rtsp://...
	Control        Control

	// In sessions.
	OneSession      bool          // 453 for a second session
	NewSessionID    bool          // every SETUP gives a new id, and the old one is no longer known
	FirstChannel    int           // SETUP gets channels from here on, whatever it asked for; 0: as it asked
	PlainAVP        bool          // RTP/AVP in answer to RTP/AVP/TCP
	ZeroRTPInfo     bool          // RTP-Info with seq=0 and rtptime=0
	Timeout         time.Duration // of a session without a sign of life; 0: 60 s
	AliveBy         Alive
	MuteKeepAlive   bool          // no answer to keep-alives
	KeepAliveStatus int           // status of the answer to keep-alives; 0: 200
	OldMedia        time.Duration // so long after the start, and after a session without TEARDOWN, new connections get old media
	RenewStream     bool          // SET_PARAMETER with "Renew-Stream: yes" makes a key frame

	// In the packets' surroundings.
	Zombie    bool // no media at all
	SilentUDP bool // no media over UDP
	Junk      Junk
	Strays    bool // frames on channels of no media, and of unknown payload types
	Clock     Clock
	BadRTCP   bool          // RTCP that cannot be parsed
	SlowVideo time.Duration // how much longer pictures are under way than sounds, as sender reports tell

	// In the packets' numbers.
	SSRCPerKeyFrame bool          // a new SSRC for every key frame
	SeqJumps        bool          // the sequence number jumps by 5000 at every key frame
	TimestampReset  time.Duration // every so often timestamps start at 0 again
	HoursOff        int           // every n-th access unit is stamped three hours ahead

	// On the way, over UDP: of a thousand packets.
	Lost, Reordered, Duplicated int
}
