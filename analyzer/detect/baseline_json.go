package detect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// baselineVersion is the version of the saved form. Another version is refused,
// because a wrong guess at its meaning would spoil the findings.
const baselineVersion = 1

// baselineForm is the saved form of a Baseline.
type baselineForm struct {
	Version  int                          `json:"trailgate_baseline"`
	At       streamPosition               `json:"at"`
	Org      endpointCounts               `json:"organization"`
	Accounts map[string]*endpointCounts   `json:"accounts"`
	Roles    map[string]*endpointCounts   `json:"roles"`
	People   map[string]*principalHistory `json:"principals"`
	Homes    map[string][]string          `json:"homes"`
	Sources  map[string]*addressFailures  `json:"sources"`
	Hidden   map[string][]int64           `json:"hidden"`
	Bursts   map[string]*burst            `json:"bursts"`
}

// MarshalJSON returns the saved form, from which ParseBaseline makes the same
// Baseline again. The same Baseline gives the same bytes. The form holds names
// and addresses of people.
func (b *Baseline) MarshalJSON() ([]byte, error) {
	b.prepareMaps()
	now := b.at.Time.Unix()
	b.forgetFailures(now)
	open := map[string]*burst{}
	for key, burst := range b.bursts {
		if burst.Until >= now {
			open[key] = burst
		}
	}
	return json.Marshal(baselineForm{baselineVersion, b.at, b.org, b.accounts, b.roles, b.people, b.homes, b.sources, b.hidden, open})
}

// ParseBaseline reads the saved form of a Baseline. Data of another form and
// damaged data are errors.
func ParseBaseline(data []byte) (*Baseline, error) {
	var s baselineForm
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("baseline: more than one JSON document")
	}
	if s.Version != baselineVersion {
		return nil, fmt.Errorf("baseline: version %d, want %d", s.Version, baselineVersion)
	}
	if err := s.checkForm(); err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	b := &Baseline{}
	b.prepareMaps()
	b.at, b.org = s.At, s.Org
	b.at.Time = b.at.Time.UTC()
	copyEntries(b.accounts, s.Accounts)
	copyEntries(b.roles, s.Roles)
	copyEntries(b.people, s.People)
	copyEntries(b.homes, s.Homes)
	copyEntries(b.sources, s.Sources)
	copyEntries(b.hidden, s.Hidden)
	copyEntries(b.bursts, s.Bursts)
	return b, nil
}

func copyEntries[V any](to, from map[string]V) {
	for k, v := range from {
		to[k] = v
	}
}

// checkForm refuses a form that no Baseline can have. Later code relies on these
// checks.
func (s *baselineForm) checkForm() error {
	now := s.At.Time.Unix()
	if err := s.Org.checkCounts("organization", now); err != nil {
		return err
	}
	for _, m := range [...]map[string]*endpointCounts{s.Accounts, s.Roles} {
		for key, t := range m {
			if err := t.checkCounts(key, now); err != nil {
				return err
			}
		}
	}
	for key, h := range s.People {
		if h == nil {
			return fmt.Errorf("principal %q: empty", key)
		}
		if err := h.Places.checkCounts(key, now); err != nil {
			return err
		}
		if h.Blind < 0 || len(h.Addresses) > maxAddresses || !notAfter(h.Failures, now) || h.Last > now {
			return fmt.Errorf("principal %q: the saved form is damaged", key)
		}
	}
	for key, src := range s.Sources {
		if src == nil || !notAfter(src.Hidden, now) || !notAfter(attemptTimes(src.Fails), now) {
			return fmt.Errorf("address %q: the saved form is damaged", key)
		}
	}
	for key, times := range s.Hidden {
		if len(times) == 0 || !notAfter(times, now) {
			return fmt.Errorf("address %q: the saved form is damaged", key)
		}
	}
	for key, b := range s.Bursts {
		if b == nil || b.Finding.ID == "" || b.Finding.Count < 1 {
			return fmt.Errorf("burst %q: the saved form is damaged", key)
		}
	}
	return nil
}

// notAfter tells whether moments are sorted and none is later than now.
func notAfter(times []int64, now int64) bool {
	return slices.IsSorted(times) && (len(times) == 0 || times[len(times)-1] <= now)
}

func attemptTimes(all []failedAttempt) []int64 {
	var out []int64
	for _, a := range all {
		out = append(out, a.At)
	}
	return out
}

func (t *endpointCounts) checkCounts(key string, now int64) error {
	if t == nil {
		return fmt.Errorf("counts of %q: empty", key)
	}
	seen := 0
	for i, c := range t.At {
		if !(c.N >= 0) || math.IsInf(c.N, 0) || c.Times < 1 || i > 0 && t.At[i-1].Endpoint >= c.Endpoint || strings.TrimSpace(c.Endpoint) == "" {
			return fmt.Errorf("counts of %q: the saved form is damaged", key)
		}
		seen += c.Times
	}
	if seen > 0 && t.Last > now {
		return fmt.Errorf("counts of %q: later than the baseline", key)
	}
	if seen != t.Seen {
		return fmt.Errorf("counts of %q: %d in all, %d by endpoint", key, t.Seen, seen)
	}
	return nil
}
