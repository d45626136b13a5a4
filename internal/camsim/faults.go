package camsim

import (
	"bytes"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// Faults are what real cameras do wrong, or only some do right. The zero value
// has none.
type Faults struct {
	// At the door.
	WrongPassword bool // every password is refused
	DigestSHA256  bool // asks for Digest with SHA-256 and nothing else (RFC 7616)
	OneSession    bool // a SETUP while somebody plays is answered with 453
	KicksFirst    bool // a PLAY ends every session that plays

	// In what it says of itself.
	NoSprop        bool   // no parameter sets in the SDP
	ProfileLevelID string // this profile-level-id in the SDP, whatever the stream's is
	ModeZero       bool   // packetization-mode=0 in the SDP, though FU-A is sent; TCP and UDP
	DoubleScheme   bool   // Content-Base: rtsp://rtsp://...
	BrokenSDP      bool   // a second s= line and a malformed c= line

	// In what it sends.
	MuteAfter     int  // no media after so many access units, but answers
	SilentAudio   bool // audio is announced and never sent
	OutOfBandOnly bool // parameter sets only in the SDP
	MarkerOnSPS   bool // the marker on parameter sets, delimiters and SEI as well
	NoMarker      bool // no marker at all
	AUD, SEI      bool // delimiters, SEI before every picture
	AnnexB        bool // start codes in the RTP payload
	LoneFU        bool // FU-A with both S and E set
	DropEvery     int  // every n-th video packet is lost
	ZeroStart     bool // sequence numbers and timestamps start at 0 after every start
	AudioJitter   bool // audio timestamps are off by up to three quarters of a packet
	Filler        bool // filler data after every picture
	SEIUnits      bool // access units of SEI alone between pictures
	TwoPPS        bool // two picture parameter sets in use; needs a Baseline clip
	NoIDR         bool // no IDR picture
	PadIDR        int  // IDR pictures of this many bytes; not with a Baseline clip
	PadAll        int  // pictures of at least this many bytes; not with a Baseline clip
	Jumbo         bool // packets of up to 60,000 bytes; only with Raw, over TCP

	// The camera goes off once, so long after somebody has begun to play it, and
	// stays off for a while.
	RebootAfter, RebootFor time.Duration

	// HonourPLI is a virtue: PLI and FIR are answered with an IDR. Few cameras do.
	HonourPLI bool

	// IDRForEach is one too: every session begins with an IDR, which all sessions get.
	IDRForEach bool

	// Raw are faults that the RTSP library's server cannot have. With any of them
	// the camera runs on a server of our own.
	Raw rawserver.Faults
}

func (f Faults) isRaw() bool { return f.Raw != rawserver.Faults{} || f.Jumbo }

// raw are all the faults of a camera on our own server that are its own to make.
func (f Faults) raw() rawserver.Faults {
	r := f.Raw
	r.SHA256 = r.SHA256 || f.DigestSHA256
	r.OneSession = r.OneSession || f.OneSession
	r.NoSprop = r.NoSprop || f.NoSprop
	r.ModeZero = r.ModeZero || f.ModeZero
	r.DoubleScheme = r.DoubleScheme || f.DoubleScheme
	r.DoubleName = r.DoubleName || f.BrokenSDP
	r.BadConnection = r.BadConnection || f.BrokenSDP
	if r.ProfileLevelID == "" {
		r.ProfileLevelID = f.ProfileLevelID
	}
	return r
}

func (f Faults) shape(mtu int) reel.Shape {
	return reel.Shape{
		PacketSize:   mtu,
		StripSets:    f.OutOfBandOnly,
		AUD:          f.AUD,
		SEI:          f.SEI,
		AnnexB:       f.AnnexB,
		LoneFU:       f.LoneFU,
		MarkerOnSets: f.MarkerOnSPS,
		NoMarker:     f.NoMarker,
		Filler:       f.Filler,
		SEIUnits:     f.SEIUnits,
		TwoPPS:       f.TwoPPS,
		NoIDR:        f.NoIDR,
		PadIDR:       f.PadIDR,
		PadAll:       f.PadAll,
		Jumbo:        f.Jumbo,
	}
}

// spoilers are the changes to make to every response.
func (f Faults) spoilers() []func(*base.Response) {
	var out []func(*base.Response)
	if f.DoubleScheme {
		out = append(out, func(res *base.Response) {
			if v := res.Header["Content-Base"]; len(v) == 1 {
				res.Header["Content-Base"] = base.HeaderValue{"rtsp://" + v[0]}
			}
		})
	}
	if f.ModeZero {
		out = append(out, inSDP("packetization-mode=1", "packetization-mode=0"))
	}
	if f.BrokenSDP {
		out = append(out, inSDP("\r\ns=", "\r\ns=first\r\ns="), inSDP("c=IN IP4 ", "c=IN "))
	}
	if id := f.ProfileLevelID; id != "" {
		out = append(out, func(res *base.Response) { res.Body = replaceProfile(res.Body, id) })
	}
	return out
}

// inSDP replaces text in the answer to DESCRIBE, the only one with a body.
func inSDP(from, to string) func(*base.Response) {
	return func(res *base.Response) {
		res.Body = bytes.ReplaceAll(res.Body, []byte(from), []byte(to))
	}
}

func replaceProfile(sdp []byte, id string) []byte {
	const key = "profile-level-id="
	before, after, found := strings.Cut(string(sdp), key)
	if !found || len(after) < 6 {
		return sdp
	}
	return []byte(before + key + id + after[6:])
}
