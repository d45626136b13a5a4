package rtspsrc

import (
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// asked is a request that was sent.
type asked struct {
	cseq      int
	inner     string // gortsplib's number for it
	method    base.Method
	keepAlive bool // or whatever else gortsplib does not know of
	repeated  bool // a keep-alive that was sent a second time
	answered  bool
	answer    chan<- base.StatusCode // of our own requests other than keep-alives; takes one
}

// ledger numbers the requests of a connection and knows which answer belongs to
// which: keep-alives of ours and gortsplib's requests share one sequence, as
// RFC 2326 section 12.17 wants it.
type ledger struct {
	cseq int
	book []asked // the newest last
}

// ledgerSize is how many requests are remembered, answered or not.
const ledgerSize = 16

// note enters a request and returns its number.
func (g *ledger) note(a asked) string {
	g.cseq++
	a.cseq = g.cseq
	if len(g.book) == ledgerSize {
		g.book = append(g.book[:0], g.book[1:]...)
	}
	g.book = append(g.book, a)
	return strconv.Itoa(a.cseq)
}

// match finds the request that an answer belongs to; an answer without a number,
// or with one that we never sent, belongs to the oldest request that waits. It is
// false for an answer that nobody waits for.
func (g *ledger) match(h base.Header) (asked, bool) {
	n := -1
	if v := h["CSeq"]; len(v) > 0 {
		if i, err := strconv.Atoi(strings.TrimSpace(v[0])); err == nil {
			n = i
		}
	}
	for i := range g.book {
		if g.book[i].cseq == n {
			if g.book[i].answered {
				return asked{}, false
			}
			g.book[i].answered = true
			return g.book[i], true
		}
	}
	for i := range g.book {
		if a := &g.book[i]; !a.answered && !a.keepAlive {
			a.answered = true
			return *a, true
		}
	}
	for i := range g.book {
		if a := &g.book[i]; !a.answered {
			a.answered = true
			return *a, true
		}
	}
	return asked{}, false
}
