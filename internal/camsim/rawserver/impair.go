package rawserver

import "math/rand/v2"

// impairment is a way on which datagrams are lost, overtake each other and come
// twice, by a seeded chance: the same seed does the same to the same packets.
type impairment struct {
	chance *rand.Rand
	held   []byte
	hold   int // datagrams that still overtake the held one
}

// rates are how many of a thousand datagrams meet with what.
type rates struct{ lost, reordered, duplicated int }

func newImpairment(seed uint64) *impairment {
	return &impairment{chance: rand.New(rand.NewPCG(seed, 0))}
}

// pass returns what arrives when b is sent, in its order, and whether that is
// anything but b alone.
func (m *impairment) pass(b []byte, r rates) (out [][]byte, touched bool) {
	if r == (rates{}) && m.held == nil {
		return [][]byte{b}, false
	}
	switch n := m.chance.IntN(1000); {
	case n < r.lost:
		touched = true
	case n < r.lost+r.reordered && m.held == nil:
		m.held, m.hold = b, 1+m.chance.IntN(3)
		return nil, true
	case n < r.lost+r.reordered+r.duplicated:
		out, touched = [][]byte{b, b}, true
	default:
		out = [][]byte{b}
	}
	if m.held != nil {
		if m.hold--; m.hold <= 0 {
			out = append(out, m.held)
			m.held = nil
		}
	}
	return out, touched
}
