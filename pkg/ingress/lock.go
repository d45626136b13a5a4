package ingress

import (
	"context"
	"sync"
)

// locks is a mutex per key that a context can interrupt. Keys nobody uses cost
// nothing.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	slot  chan struct{} // holds one element while locked
	users int           // holder and waiters, guarded by locks.mu
}

// acquire waits for key. The returned function gives it back and must be called once.
func (l *locks) acquire(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	k := l.held[key]
	if k == nil {
		k = &lock{slot: make(chan struct{}, 1)}
		if l.held == nil {
			l.held = make(map[string]*lock)
		}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()

	select {
	case k.slot <- struct{}{}:
		return func() { <-k.slot; l.leave(key, k) }, nil
	case <-ctx.Done():
		l.leave(key, k)
		return nil, ctx.Err()
	}
}

func (l *locks) leave(key string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, key)
	}
}
