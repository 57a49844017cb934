package detect

import (
	"math"
	"slices"
	"strings"
)

// endpointCounts counts sign-ins by endpoint. Older sign-ins have less weight. A nil
// endpointCounts is empty. The JSON keys are those of saved files, so they do not
// change.
type endpointCounts struct {
	Last int64           `json:"last"` // Unix seconds; the weights are those of this time
	Seen int             `json:"seen"` // number of sign-ins, not decayed
	At   []endpointCount `json:"at"`   // sorted by endpoint
}

// endpointCount is the count of one endpoint.
type endpointCount struct {
	Endpoint string  `json:"endpoint"`
	N        float64 `json:"weight"` // decayed number of sign-ins
	Times    int     `json:"times"`  // number of sign-ins, not decayed
}

// addSignIn counts one sign-in at the endpoint name. It first brings all weights to
// the time of the sign-in, in Unix seconds.
func (t *endpointCounts) addSignIn(name string, at int64) {
	if f := t.decayFactor(at); f != 1 {
		for i := range t.At {
			t.At[i].N *= f
		}
	}
	t.Last = max(t.Last, at)
	t.Seen++
	i, ok := slices.BinarySearchFunc(t.At, name, func(c endpointCount, want string) int { return strings.Compare(c.Endpoint, want) })
	if !ok {
		t.At = slices.Insert(t.At, i, endpointCount{Endpoint: name})
	}
	t.At[i].N++
	t.At[i].Times++
}

// decayFactor returns the factor that brings the weights to a later time. It is 1
// for a time that is not later.
func (t *endpointCounts) decayFactor(at int64) float64 {
	if t.Seen == 0 || at <= t.Last {
		return 1
	}
	return math.Exp2(-float64(at-t.Last) / HalfLife.Seconds())
}

// totalWeight returns the sum of the weights, in the order of the endpoints.
func (t *endpointCounts) totalWeight() float64 {
	sum := 0.0
	for _, c := range t.At {
		sum += c.N
	}
	return sum
}

// posteriorOf returns p, the probability of the sign-in's endpoint at one level of
// the model (see Baseline). above is the probability at the level above, which is the
// prior, and weight is the k of the formula. share is the part of the decayed sign-ins
// at this endpoint, from 0 to 1. used says whether it was ever used, and seen is the
// number of all sign-ins at this level.
func (t *endpointCounts) posteriorOf(obs *observation, above, weight float64) (p, share float64, used bool, seen int) {
	if t == nil || t.Seen == 0 {
		return above, 0, false, 0
	}
	here, sum := 0.0, 0.0
	for _, c := range t.At {
		sum += c.N
		if obs.sameEndpoint(c.Endpoint) {
			here += c.N
			used = true
		}
	}
	f := t.decayFactor(obs.unix)
	return (here*f + weight*above) / (sum*f + weight), here / sum, used, t.Seen
}

// timesSeen returns how many sign-ins came through the endpoint of this one, not
// decayed.
func (t *endpointCounts) timesSeen(obs *observation) int {
	if t == nil {
		return 0
	}
	n := 0
	for _, c := range t.At {
		if obs.sameEndpoint(c.Endpoint) {
			n += c.Times
		}
	}
	return n
}

// surpriseBits returns the surprise of a probability, in bits.
func surpriseBits(p float64) float64 { return -math.Log2(p) }
