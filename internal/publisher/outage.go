package publisher

import (
	"sync"
	"time"
)

const (
	// tryEvery is how often the cameras of a site that have been away for long are
	// tried, all together: each try wakes the program, and a hundred cameras that are
	// down must not keep a small box busy. The more there are, the longer each waits.
	tryEvery = 100 * time.Millisecond
	// hurryWithin is when all of them are tried after one of them is back. A switch or
	// a fuse takes many cameras along, and brings them back together. Not more often
	// than hurryEvery, because of a camera that comes and goes.
	hurryWithin = 2 * time.Second
	hurryEvery  = time.Minute
)

// Outages are what the publishers of a site know of each other's failures. The zero
// value is ready for use.
type Outages struct{ cameras, targets outage }

// outage is what has failed for long on one side.
type outage struct {
	mu      sync.Mutex
	size    int
	over    chan struct{} // closed and replaced when one of them is back; nil while nobody waits
	hurried time.Time
}

func (o *outage) join() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.size++
}

func (o *outage) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.size--
}

// wait is the average time between two tries of each of its members.
func (o *outage) wait() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(passingMax-passingJitter/2, time.Duration(o.size)*tryEvery)
}

// ends returns a channel that is closed when one of the members is back.
func (o *outage) ends() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over == nil {
		o.over = make(chan struct{})
	}
	return o.over
}

// hurry tells the members that one of them is back.
func (o *outage) hurry(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over == nil || !o.hurried.IsZero() && now.Sub(o.hurried) < hurryEvery {
		return
	}
	o.hurried = now
	close(o.over)
	o.over = nil
}
