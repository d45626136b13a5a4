package rtspsrc

import (
	"io"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

// FuzzCleanHeaders checks that what the repair of one header leaves can be
// interpreted, and that a second repair changes nothing.
func FuzzCleanHeaders(f *testing.F) {
	f.Add("abc;timeout=60", "RTP/AVP;unicast;interleaved=0-1", `Digest realm="x", nonce="y"`, "1")
	f.Add("; timeout = x", "ssrc= d6;interleaved=300;RTP/AVP/TCP;mode=\"PLAY\"", "basic", " 7 ")
	f.Fuzz(func(t *testing.T, session, transport, challenge, cseq string) {
		h := base.Header{"Session": {session}, "Transport": {transport}, "CSeq": {cseq}}
		cleanSession(h)
		if v, ok := h["Session"]; ok {
			var s headers.Session
			if err := s.Unmarshal(v); err != nil && !strings.Contains(session, "=") {
				t.Fatalf("%q: %q: %v", session, v, err)
			}
		}
		cleanTransport(h, true)
		once := h["Transport"][0]
		cleanTransport(h, true)
		if h["Transport"][0] != once {
			t.Fatalf("%q becomes %q, then %q", transport, once, h["Transport"][0])
		}
		_ = (&auth.Sender{WWWAuth: cleanChallenges(base.HeaderValue{challenge})}).Initialize()
		var g ledger
		g.note(asked{method: base.Setup})
		if a, ok := g.match(h); !ok || a.method != base.Setup {
			t.Fatalf("CSeq %q: the only answer belongs to nothing", cseq)
		}
		if _, ok := g.match(h); ok {
			t.Fatal("a second answer belongs to something")
		}
	})
}

func TestLedgerForgets(t *testing.T) {
	var g ledger
	for range 3 * ledgerSize {
		g.note(asked{method: base.GetParameter, keepAlive: true}) // none is answered
	}
	g.note(asked{method: base.Teardown})
	if a, ok := g.match(base.Header{}); !ok || a.method != base.Teardown {
		t.Errorf("an answer without a number belongs to %+v", a)
	}
	if a, ok := g.match(base.Header{"CSeq": {"40"}}); !ok || a.cseq != 40 || len(g.book) != ledgerSize {
		t.Errorf("%+v, %d remembered", a, len(g.book))
	}
}

// endless repeats a text.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (n int, _ error) {
	for n < len(p) {
		m := copy(p[n:], e.text[e.at:])
		n, e.at = n+m, (e.at+m)%len(e.text)
	}
	return n, nil
}

func TestFramerAllocatesNothing(t *testing.T) {
	f := playingFramer(&endless{text: rtpFrame(0, strings.Repeat("v", 200)) + rtpFrame(9, "foreign") + "\r\n"})
	buf := make([]byte, 4096)
	if n := testing.AllocsPerRun(1000, func() { _, _ = f.Read(buf) }); n > 0 {
		t.Errorf("%v allocations a read", n)
	}
}

func BenchmarkFramer(b *testing.B) {
	text := rtpFrame(0, strings.Repeat("v", 200))
	f := playingFramer(&endless{text: text})
	b.SetBytes(int64(len(text)))
	buf := make([]byte, 4096)
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(f, int64(b.N)*int64(len(text)))}, buf); err != nil {
		b.Fatal(err)
	}
}
