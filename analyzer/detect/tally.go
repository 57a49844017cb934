package detect

import (
	"math"
	"slices"
	"strings"
)

// endpointCounts counts sign-ins by endpoint. Older sign-ins weigh less. A nil
// pointer counts nothing.
type endpointCounts struct {
	Last int64           `json:"last"` // Unix seconds, the moment for which the weights hold
	Seen int             `json:"seen"` // without decay
	At   []endpointCount `json:"at"`   // sorted by endpoint
}

type endpointCount struct {
	Endpoint string  `json:"endpoint"`
	N        float64 `json:"weight"`
	Times    int     `json:"times"` // without decay
}

// addSignIn counts one sign-in.
func (t *endpointCounts) addSignIn(name string, at int64) {
	if f := t.decayFactor(at); f != 1 {
		for i := range t.At {
			t.At[i].N *= f
		}
	}
	t.Last = max(t.Last, at)
	t.Seen++
	i, ok := slices.BinarySearchFunc(t.At, name, func(c endpointCount, s string) int { return strings.Compare(c.Endpoint, s) })
	if !ok {
		t.At = slices.Insert(t.At, i, endpointCount{Endpoint: name})
	}
	t.At[i].N++
	t.At[i].Times++
}

// decayFactor returns the factor that moves the weights to a later moment.
func (t *endpointCounts) decayFactor(at int64) float64 {
	if t.Seen == 0 || at <= t.Last {
		return 1
	}
	return math.Exp2(-float64(at-t.Last) / HalfLife.Seconds())
}

func (t *endpointCounts) totalWeight() float64 {
	sum := 0.0
	for _, c := range t.At {
		sum += c.N
	}
	return sum
}

// posteriorOf is one level of the model. It returns the probability of the
// observed endpoint, with the level above as the prior. It also returns the share
// of the endpoint, whether it was ever used, and the number of sign-ins.
func (t *endpointCounts) posteriorOf(s *observation, above, weight float64) (p, share float64, used bool, seen int) {
	if t == nil || t.Seen == 0 {
		return above, 0, false, 0
	}
	here, sum := 0.0, 0.0
	for _, c := range t.At {
		sum += c.N
		if s.sameEndpoint(c.Endpoint) {
			here += c.N
			used = true
		}
	}
	f := t.decayFactor(s.unix)
	return (here*f + weight*above) / (sum*f + weight), here / sum, used, t.Seen
}

// timesSeen returns how often the observed endpoint was used, without decay.
func (t *endpointCounts) timesSeen(s *observation) int {
	if t == nil {
		return 0
	}
	n := 0
	for _, c := range t.At {
		if s.sameEndpoint(c.Endpoint) {
			n += c.Times
		}
	}
	return n
}

// surpriseBits returns the surprise of a probability, in bits.
func surpriseBits(p float64) float64 { return -math.Log2(p) }
