package whip

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
)

// description writes the offer as it is now: again after a restart, and with the
// candidates that have been found so far. RFC 9725 section 4.4 says what an offer
// may have: one bundle, sendonly, all tracks in one stream, and rtcp-mux-only in
// each section.
func (s *Session) description() (string, error) {
	local, err := s.peer.local()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	put := func(format string, a ...any) { fmt.Fprintf(&b, format+"\r\n", a...) }
	put("v=0")
	put("o=- %d %d IN IP4 0.0.0.0", s.sdpID, s.sdpVersion)
	put("s=-")
	put("t=0 0")
	put("a=msid-semantic:WMS *")
	put("a=fingerprint:%s", local.fingerprint)
	put("a=extmap-allow-mixed")
	if s.trickles {
		put("a=ice-options:trickle")
	}
	put("a=group:BUNDLE%s", s.mids())
	for i, t := range s.plan {
		put("m=%s 9 UDP/TLS/RTP/SAVPF%s", t.kind, t.formats())
		put("c=IN IP4 0.0.0.0")
		if i == 0 { // the transport of all
			local.describe(put)
		}
		put("a=setup:actpass")
		put("a=mid:%d", i)
		put("a=ice-ufrag:%s", local.ufrag)
		put("a=ice-pwd:%s", local.pwd)
		put("a=rtcp-mux")
		put("a=rtcp-mux-only")
		put("a=rtcp-rsize")
		t.describe(put)
		s.tracks[i].describe(put, s.cname)
		put("a=sendonly")
	}
	return b.String(), nil
}

func (s *Session) mids() string {
	var b strings.Builder
	for i := range s.plan {
		fmt.Fprintf(&b, " %d", i)
	}
	return b.String()
}

// formats are the payload types of the m= line.
func (t offeredTrack) formats() string {
	var b strings.Builder
	for _, c := range t.codecs {
		b.WriteString(" " + strconv.Itoa(int(c.payloadType)))
	}
	if t.kind == Video {
		for _, c := range t.codecs {
			b.WriteString(" " + strconv.Itoa(int(c.payloadType+rtxOffset)))
		}
	}
	return b.String()
}

// describe writes what is offered of a track: codecs, retransmissions (RFC 4588
// section 8) and header extensions (RFC 8285 section 5).
func (t offeredTrack) describe(put func(string, ...any)) {
	for _, c := range t.codecs {
		channels := ""
		if c.channels > 1 {
			channels = "/" + strconv.Itoa(int(c.channels))
		}
		put("a=rtpmap:%d %s/%d%s", c.payloadType, c.Name, c.ClockRate, channels)
		if c.fmtp != "" {
			put("a=fmtp:%d %s", c.payloadType, c.fmtp)
		}
		for _, f := range feedback(t.kind) {
			put("a=rtcp-fb:%d %s", c.payloadType, f)
		}
	}
	if t.kind == Video {
		for _, c := range t.codecs {
			put("a=rtpmap:%d rtx/%d", c.payloadType+rtxOffset, c.ClockRate)
			put("a=fmtp:%d apt=%d", c.payloadType+rtxOffset, c.payloadType)
		}
	}
	for i, uri := range []string{uriMID, uriTWCC} {
		put("a=extmap:%d %s", i+1, uri)
	}
}

// describe writes which stream the packets of a track are.
func (t *localTrack) describe(put func(string, ...any), stream string) {
	ssrcs := []uint32{t.ssrc}
	if t.rtxSSRC != 0 {
		ssrcs = append(ssrcs, t.rtxSSRC)
		put("a=ssrc-group:FID %d %d", t.ssrc, t.rtxSSRC)
	}
	for _, ssrc := range ssrcs {
		put("a=ssrc:%d cname:%s", ssrc, stream)
		put("a=ssrc:%d msid:%s %s", ssrc, stream, t.kind)
	}
	put("a=msid:%s %s", stream, t.kind)
}

// localEnd is this end of the connection, for the offer.
type localEnd struct {
	ufrag, pwd, fingerprint string
	candidates              []string
	complete                bool // there are no more
}

// describe writes the candidates. They come before the other attributes of a section:
// an ICE restart crashes livekit-server (as of 1.13.5) where they are the last ones.
func (l localEnd) describe(put func(string, ...any)) {
	for _, c := range l.candidates {
		put("a=candidate:%s", c)
	}
	if l.complete {
		put("a=end-of-candidates")
	}
}

func (p *peer) local() (localEnd, error) {
	var l localEnd
	var err error
	if l.ufrag, l.pwd, err = p.agent.GetLocalUserCredentials(); err != nil {
		return l, err
	}
	p.mu.Lock()
	l.complete = p.complete // before the candidates, which are all there then
	p.mu.Unlock()
	found, err := p.agent.GetLocalCandidates()
	if err != nil {
		return l, err
	}
	for _, c := range found {
		l.candidates = append(l.candidates, c.Marshal())
	}
	certificate, err := x509.ParseCertificate(p.certificate.Certificate[0])
	if err != nil {
		return l, err
	}
	sum, err := fingerprint.Fingerprint(certificate, crypto.SHA256)
	l.fingerprint = "sha-256 " + strings.ToUpper(sum)
	return l, err
}

// newSSRC is random and not 0, which stands for none here.
func newSSRC() uint32 {
	return 1 + rand.Uint32N(1<<32-1)
}
