package whip

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ability is what a server's answers have taught about its PATCH. The zero value
// hopes for the best.
type ability struct {
	noTrickle  bool
	noRestart  bool
	quotedStar bool // takes If-Match: "*", not the bare one
	wholeSDP   bool // takes a session description, not a fragment
}

// abilities are those of the servers that a client has met, by host. What a server
// could not do it is asked again after a while: it may have been replaced.
type abilities struct {
	mu    sync.Mutex
	known map[string]knownAbility
}

type knownAbility struct {
	ability
	until time.Time
}

const abilityLife = time.Hour

func (a *abilities) of(host string) ability {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.known[host]
	if !ok || time.Now().After(k.until) {
		return ability{}
	}
	return k.ability
}

func (a *abilities) learn(host string, change func(*ability)) {
	was := a.of(host)
	change(&was)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]knownAbility{}
	}
	a.known[host] = knownAbility{was, time.Now().Add(abilityLife)}
}

// refusedForGood are the statuses by which servers say that they do not do this
// kind of PATCH at all; repeating it is no use.
func refusedForGood(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusNotImplemented,
		http.StatusPreconditionRequired, http.StatusPreconditionFailed:
		return true
	}
	return false
}

// errNoRestart says that only a new session helps.
var errNoRestart = errors.New("the server does not restart ICE")

// patchTimeout bounds one PATCH: a lost path is no time to be patient.
const patchTimeout = 5 * time.Second

func (s *Session) patch(ctx context.Context, msg message) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, min(patchTimeout, s.client.cfg.Timeouts.HTTP))
	defer cancel()
	msg.contentType = fragmentType
	res, err := s.client.do(ctx, http.MethodPatch, s.url, msg)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.URL != "" {
			e.URL = sessionName(s.url)
		}
		return nil, err
	}
	return res, nil
}

func (s *Session) patchError(res *response) *Error {
	e := s.client.statusError(http.MethodPatch, res)
	e.URL = sessionName(s.url)
	return e
}

// patchRestart tells the server of new credentials and returns its own. RFC 9725
// says If-Match: * in its text and "*" in its figure, and servers take the one or
// the other; LiveKit Ingress reads a session description instead of a fragment.
// What was found out is remembered.
//
// To livekit-server (as of 1.13.5) go no candidates, nor to Ingress,
// which may hand the request on to it: it puts them last into its copy of the offer,
// and the next restart crashes it, with everybody's sessions.
func (s *Session) patchRestart(ctx context.Context, local string) (fragment, error) {
	host := s.url.Host
	for {
		can := s.client.abilities.of(host)
		msg := message{body: fragmentOf(local), ifMatch: "*"}
		if can.quotedStar {
			msg.ifMatch = `"*"`
		}
		switch {
		case can.wholeSDP:
			msg.body = preamble + withoutCandidates(msg.body)
		case s.atLiveKit():
			msg.body = withoutCandidates(msg.body)
		}
		res, err := s.patch(ctx, msg)
		if err != nil {
			return fragment{}, err
		}
		switch {
		case res.status == http.StatusOK:
			f, err := parseFragment(string(res.body))
			if err != nil {
				return fragment{}, &Error{Op: http.MethodPatch, URL: sessionName(s.url), Status: res.status, Err: err}
			}
			s.setETag(res)
			return f, nil
		case res.status == http.StatusPreconditionFailed && !can.quotedStar:
			s.client.abilities.learn(host, func(a *ability) { a.quotedStar = true })
			continue
		case res.status == http.StatusBadRequest && !can.wholeSDP:
			s.client.abilities.learn(host, func(a *ability) { a.wholeSDP = true })
			continue
		case res.status == http.StatusNoContent, res.status == http.StatusAccepted:
			// Taken for a trickle: this server knows nothing else.
			s.client.abilities.learn(host, func(a *ability) { a.noRestart = true })
			return fragment{}, fmt.Errorf("%w (%d)", errNoRestart, res.status)
		case refusedForGood(res.status):
			// A session that is gone says nothing about what the server can do.
			if res.status != http.StatusNotFound && res.status != http.StatusGone {
				s.client.abilities.learn(host, func(a *ability) {
					*a = ability{noTrickle: a.noTrickle, noRestart: true}
				})
			}
			return fragment{}, fmt.Errorf("%w: %w", errNoRestart, s.patchError(res))
		case res.status >= 500:
			// LiveKit says so of a session that it has lost. A new one is quicker
			// than finding out.
			return fragment{}, fmt.Errorf("%w: %w", errNoRestart, s.patchError(res))
		}
		return fragment{}, s.patchError(res)
	}
}

// atLiveKit tells livekit-server by its entity tag, which is its ICE user name, as it
// is.
func (s *Session) atLiveKit() bool {
	tag := s.entityTag()
	return tag != "" && strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) == ufragOf(s.answer)
}

// setETag keeps the entity tag of the ICE session as it was sent: RFC 9110 wants
// quotes that not every server writes, and each compares with its own.
func (s *Session) setETag(res *response) {
	s.etagMu.Lock()
	s.etag = res.header.Get("ETag")
	s.etagMu.Unlock()
}

func (s *Session) entityTag() string {
	s.etagMu.Lock()
	defer s.etagMu.Unlock()
	return s.etag
}
