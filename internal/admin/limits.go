package admin

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// requestRate and requestBurst are for one remote address: a page and its parts
	// are five requests, and then one every few seconds.
	requestRate, requestBurst = 20, 100
	// guessRate is how often a second an address may send a wrong token, after
	// guessBurst of them.
	guessRate, guessBurst = 0.2, 10
	// restartEvery is the least time between two restarts of one camera.
	restartEvery = 5 * time.Second
	// maxConnections may be open at a time, so that nobody takes the files that cameras
	// need; others wait.
	maxConnections = 128
	// maxKeys is how many addresses are told apart.
	maxKeys = 1024
)

// limits holds back whoever asks too often.
type limits struct {
	requests, guesses, restarts buckets
}

func newLimits() *limits {
	return &limits{
		requests: buckets{rate: requestRate, burst: requestBurst},
		guesses:  buckets{rate: guessRate, burst: guessBurst},
		restarts: buckets{rate: rate.Every(restartEvery), burst: 1},
	}
}

// failed counts a wrong token.
func (l *limits) failed(from string) { l.guesses.of(from).Allow() }

// mayGuess tells whether an address may present a token.
func (l *limits) mayGuess(from string) bool { return l.guesses.of(from).Tokens() >= 1 }

// guesses tells whether a request has a token in it that may be a wrong one. A
// cookie cannot be guessed.
func guesses(r *http.Request) bool {
	_, ok := bearer(r)
	return ok || r.Method == http.MethodPost && r.URL.Path == "/login"
}

// buckets are token buckets by a key, of bounded number.
type buckets struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	byKey map[string]*rate.Limiter
}

func (b *buckets) of(key string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l, ok := b.byKey[key]; ok {
		return l
	}
	if b.byKey == nil {
		b.byKey = make(map[string]*rate.Limiter)
	}
	if len(b.byKey) >= maxKeys {
		b.forget()
	}
	l := rate.NewLimiter(b.rate, b.burst)
	b.byKey[key] = l
	return l
}

// forget drops the buckets that are full, which is as good as new, and one more if
// none is.
func (b *buckets) forget() {
	for key, l := range b.byKey {
		if l.Tokens() >= float64(b.burst) {
			delete(b.byKey, key)
		}
	}
	for key := range b.byKey {
		if len(b.byKey) < maxKeys {
			return
		}
		delete(b.byKey, key)
	}
}
