//go:build linux

package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// kind is a kind of fault.
type kind string

// The kinds.
const (
	reboot     kind = "camera reboots"
	silence    kind = "camera falls silent"
	hangUp     kind = "camera breaks its connections"
	loss       kind = "packets lost on the way from a camera"
	clockStep  kind = "camera's clock is set"
	jump       kind = "camera's timestamps jump"
	restart    kind = "camera restarted through the API"
	removal    kind = "participant removed from the room"
	serverDown kind = "livekit-server killed"
	newAddress kind = "the box's address changes"
	uplinkCut  kind = "nothing gets through to the server"
	refusing   kind = "WHIP answers 503"
	stalling   kind = "WHIP does not answer"
	reload     kind = "settings of three cameras change"
	badFile    kind = "the site's file is broken"

	// stood is not made, but measured: the machine has other work.
	stood kind = "the machine stood still"
)

// trait is what the plan and the judge know of a kind.
type trait struct {
	kind   kind
	what   string        // happens, for the page
	weight int           // how often it is drawn; 0: it comes by its period
	every  time.Duration // about how often it comes, if not drawn; once in any run
	least  time.Duration // how long it lasts
	most   time.Duration // 0: a moment
}

// traits are all kinds, in the page's order.
var traits = []trait{
	{kind: reboot, weight: 20, least: 2 * time.Second, most: 20 * time.Second,
		what: "switched off, and on again after 2 to 20 s with another SSRC, sequence and time"},
	{kind: silence, weight: 12, least: 2 * time.Second, most: 20 * time.Second,
		what: "answers keep-alives and sends nothing for 2 to 20 s"},
	{kind: hangUp, weight: 15, what: "every TCP connection is closed; new ones are taken at once"},
	{kind: loss, weight: 12, least: 2 * time.Second, most: 15 * time.Second,
		what: "of a camera's UDP datagrams 2 to 20 % are lost for 2 to 15 s, half as many are reordered, and some come twice"},
	{kind: clockStep, weight: 8, what: "the clock of the sender reports steps by up to two hours, forth or back"},
	{kind: jump, weight: 8, what: "RTP timestamps jump by up to two hours, forth or back"},
	{kind: restart, weight: 10, what: "POST /api/cameras/{name}/restart"},
	{kind: removal, weight: 12, what: "RemoveParticipant of LiveKit's RoomService"},
	{kind: serverDown, every: 4 * time.Minute, least: time.Second, most: 10 * time.Second,
		what: "SIGKILL; started again 1 to 10 s later, with no memory of its rooms"},
	{kind: newAddress, every: 3 * time.Minute, what: "the old address goes, another comes; connections are not told"},
	{kind: uplinkCut, every: 4 * time.Minute, least: 2 * time.Second, most: 12 * time.Second,
		what: "a firewall drops all that the box sends to the server, for 2 to 12 s"},
	{kind: refusing, every: 150 * time.Second, least: 4 * time.Second, most: 15 * time.Second,
		what: "every WHIP request gets a 503 for 4 to 15 s, while three participants are removed"},
	{kind: stalling, every: 150 * time.Second, least: 4 * time.Second, most: 15 * time.Second,
		what: "no WHIP request is answered for 4 to 15 s, while three participants are removed"},
	{kind: reload, every: 90 * time.Second, what: "SIGHUP with a file in which three cameras differ"},
	{kind: badFile, every: 3 * time.Minute, least: 2 * time.Second, most: 6 * time.Second,
		what: "SIGHUP with a file that cannot be used; the good one comes back 2 to 6 s later"},
}

func traitOf(k kind) trait {
	return traits[slices.IndexFunc(traits, func(t trait) bool { return t.kind == k })]
}

// planned is a fault that is to be made. Which camera it hits is settled when it is
// made, by Chance, since a camera has one fault at a time.
type planned struct {
	At     time.Duration // since the start
	Kind   kind
	For    time.Duration
	Chance uint64
}

// Faults that are drawn come this far apart.
const (
	soonest = time.Second
	latest  = 5 * time.Second
)

// schedule plans a run. The same seed and length give the same plan.
func schedule(seed uint64, total time.Duration) []planned {
	chance := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // to be repeated
	between := func(a, b time.Duration) time.Duration {
		if b <= a {
			return a
		}
		return a + time.Duration(chance.Int64N(int64(b-a)))
	}
	one := func(at time.Duration, t trait) planned {
		return planned{At: at, Kind: t.kind, For: between(t.least, t.most), Chance: chance.Uint64()}
	}
	weights := 0
	for _, t := range traits {
		weights += t.weight
	}
	var out []planned
	first := chance.Perm(len(traits)) // every kind once, before chance has its way
	for at := between(soonest, latest); at < total; at += between(soonest, latest) {
		for len(first) > 0 && traits[first[0]].weight == 0 {
			first = first[1:]
		}
		if len(first) > 0 {
			out = append(out, one(at, traits[first[0]]))
			first = first[1:]
			continue
		}
		draw := chance.IntN(weights)
		for _, t := range traits {
			if draw -= t.weight; draw < 0 {
				out = append(out, one(at, t))
				break
			}
		}
	}
	for _, t := range traits {
		if t.every == 0 {
			continue
		}
		n := max(1, int(total/t.every))
		slot := total / time.Duration(n)
		for i := range n {
			begin := time.Duration(i) * slot
			out = append(out, one(begin+between(slot/10, slot*9/10), t))
		}
	}
	slices.SortStableFunc(out, func(a, b planned) int { return cmp.Compare(a.At, b.At) })
	return out
}
