package rtspsrc

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// datagramMax is the largest datagram there is: some cameras send fragments of
// 10 kB and leave it to IP to cut them.
const datagramMax = 64 << 10

// errNothing is a look at a socket on which nothing has arrived.
var errNothing = errors.New("nothing has arrived")

// datagramInlet is a UDP socket under gortsplib, which insists on the embedded
// connection's SyscallConn and SetReadBuffer. It tells when it is about to wait.
//
// gortsplib's own reordering has no timer: a lost packet holds up the 64 after it.
// So the socket of a track's RTP puts the packets into order by itself, within
// Config.ReorderDelay, and hands them to gortsplib with sequence numbers that have
// no gap. settle, which the track's callback calls on the same goroutine, gives
// each packet its own number back.
//
// Once gortsplib has accepted the sender, only a packet twice a second takes this
// way, so that gortsplib knows that the camera lives; the others go straight to the
// track's tap.
type datagramInlet struct {
	*net.UDPConn
	onBlock func()
	raw     syscall.RawConn

	mu   sync.Mutex
	wish time.Time // the deadline that gortsplib has set
	hold time.Time // when a held packet must go

	ordered bool
	order   reorderer
	tap     func(b []byte, arrived time.Time) // nil: all goes through gortsplib
	life    time.Time                         // when something went through gortsplib
	// lifeEvery is how often that must be.
	lifeEvery time.Duration
	buf       []byte
	peer      *net.UDPAddr // whom gortsplib takes packets from, nil before the first
	numbers   [128]uint16  // the last number that gortsplib has taken, by payload type
	given     handover

	silent bool                  // sends nothing
	report func(b []byte) []byte // replaces a receiver report of gortsplib's

	try     func(fd uintptr) bool
	look    bool // do not wait
	tryBuf  []byte
	tryN    int
	tryFrom *net.UDPAddr
	tryErr  error
}

// listenPacket opens a UDP socket. An ordered one is for the RTP of
// one track.
func listenPacket(network, address string, onBlock func(), buffer int, ordered bool, delay time.Duration) (*datagramInlet, error) {
	pc, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	in := &datagramInlet{onBlock: onBlock, ordered: ordered}
	in.order.delay = delay
	if in.onBlock == nil {
		in.onBlock = func() {}
	}
	if in.ordered {
		in.buf = make([]byte, datagramMax)
	}
	in.use(pc.(*net.UDPConn), buffer)
	return in, nil
}

// use makes c the socket. The system may grant less than the buffer asked for.
func (in *datagramInlet) use(c *net.UDPConn, buffer int) {
	if in.UDPConn != nil {
		_ = in.Close()
	}
	in.UDPConn, in.raw = c, nil
	_ = c.SetReadBuffer(buffer)
	if canTryRead {
		if raw, err := c.SyscallConn(); err == nil {
			in.raw = raw
			in.try = in.tryRead
		}
	}
}

// ReadFrom implements net.PacketConn, for one goroutine.
func (in *datagramInlet) ReadFrom(p []byte) (int, net.Addr, error) {
	if !in.ordered {
		n, from, err := in.read(p)
		return n, from, err
	}
	for {
		if d := in.order.pop(); d != nil {
			n, from := 0, d.from
			straight := in.straight(d.b, d.arrived)
			if !straight {
				n = in.give(p, d.b, d.from, d.arrived)
			}
			in.order.drop(d)
			if straight {
				continue
			}
			return n, from, nil
		}
		n, from, err := in.receive()
		if err != nil {
			return 0, nil, err
		}
		if n < 0 {
			continue
		}
		b, now := in.buf[:n], time.Now()
		// Until gortsplib has accepted a sender, each packet goes to it to be
		// judged; afterwards those of others go to it to be dropped.
		if !isRTP(b) || in.peer == nil || !sameAddr(in.peer, from) ||
			in.order.push(b, from, now) && !in.straight(b, now) {
			return in.give(p, b, from, now), from, nil
		}
	}
}

// receive reads a datagram into buf. It returns -1 when held packets were released
// instead.
func (in *datagramInlet) receive() (int, *net.UDPAddr, error) {
	due := in.order.deadline()
	if due.IsZero() || time.Now().Before(due) {
		in.setHold(due)
		n, from, err := in.read(in.buf)
		if err == nil || !isTimeout(err) || in.over() { // isTimeout allocates
			return n, from, err
		}
	}
	// The time is up, but what is missing may have arrived while this goroutine
	// did not run.
	in.setHold(time.Time{})
	n, from, err := in.peek(in.buf)
	if errors.Is(err, errNothing) {
		in.order.expire(time.Now())
		return -1, nil, nil
	}
	return n, from, err
}

// SetReadDeadline implements net.PacketConn.
func (in *datagramInlet) SetReadDeadline(t time.Time) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.wish = t
	return in.applyDeadline()
}

func (in *datagramInlet) setHold(t time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.hold.Equal(t) {
		in.hold = t
		_ = in.applyDeadline()
	}
}

func (in *datagramInlet) applyDeadline() error {
	t := in.wish
	if !in.hold.IsZero() && (t.IsZero() || in.hold.Before(t)) {
		t = in.hold
	}
	return in.UDPConn.SetReadDeadline(t)
}

// over reports that gortsplib's own deadline has passed.
func (in *datagramInlet) over() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.wish.IsZero() && !time.Now().Before(in.wish)
}

// read waits for a datagram.
func (in *datagramInlet) read(p []byte) (int, *net.UDPAddr, error) {
	if in.raw == nil {
		in.onBlock()
		return in.UDPConn.ReadFromUDP(p)
	}
	in.tryBuf = p
	if err := in.raw.Read(in.try); err != nil {
		return 0, nil, err
	}
	return in.tryN, in.tryFrom, in.tryErr
}

// peek reads a datagram that has arrived; errNothing if none has.
func (in *datagramInlet) peek(p []byte) (int, *net.UDPAddr, error) {
	if in.raw != nil {
		in.look = true
		defer func() { in.look = false }()
		return in.read(p)
	}
	// A deadline in the past would fail without looking.
	_ = in.UDPConn.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, from, err := in.UDPConn.ReadFromUDP(p)
	in.mu.Lock()
	_ = in.applyDeadline()
	in.mu.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) && !in.over() {
		err = errNothing
	}
	return n, from, err
}

// WriteTo implements net.PacketConn. gortsplib's receiver reports count by its own
// numbers, so the track's are sent in their place.
func (in *datagramInlet) WriteTo(b []byte, to net.Addr) (int, error) {
	if in.silent {
		return len(b), nil
	}
	if in.report != nil && len(b) == 32 && b[0] == 0x81 && b[1] == 201 {
		out := in.report(b)
		if out == nil {
			return len(b), nil
		}
		if _, err := in.UDPConn.WriteTo(out, to); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return in.UDPConn.WriteTo(b, to)
}
