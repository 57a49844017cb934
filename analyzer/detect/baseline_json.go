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

// baselineVersion is the version of the saved form. ParseBaseline refuses any
// other. Learning again is better than guessing what was learned.
const baselineVersion = 1

// baselineForm is the saved form of a Baseline. Its keys do not change.
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

// MarshalJSON returns the saved form, from which ParseBaseline makes the Baseline
// again. The same Baseline gives the same bytes. The form leaves out bursts that have
// ended. Failures that no rule counts any more are left out too, and dropped from b.
// The form contains names and addresses of people, so its reader must be trusted.
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

// ParseBaseline reads the saved form of a Baseline. It returns an error if the data
// is something else, has another version, or is damaged. Each error begins with
// "baseline: ".
func ParseBaseline(data []byte) (*Baseline, error) {
	var form baselineForm
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&form); err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("baseline: more than one JSON document")
	}
	if form.Version != baselineVersion {
		return nil, fmt.Errorf("baseline: version %d, want %d", form.Version, baselineVersion)
	}
	if err := form.checkForm(); err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	b := &Baseline{}
	b.prepareMaps()
	b.at, b.org = form.At, form.Org
	b.at.Time = b.at.Time.UTC()
	copyEntries(b.accounts, form.Accounts)
	copyEntries(b.roles, form.Roles)
	copyEntries(b.people, form.People)
	copyEntries(b.homes, form.Homes)
	copyEntries(b.sources, form.Sources)
	copyEntries(b.hidden, form.Hidden)
	copyEntries(b.bursts, form.Bursts)
	return b, nil
}

// copyEntries copies all entries. The maps of a Baseline are never nil, but those
// of a saved form may be.
func copyEntries[V any](to, from map[string]V) {
	for k, v := range from {
		to[k] = v
	}
}

// checkForm returns an error if the form breaks an order or a bound that later code
// relies on. MarshalJSON does not write such a form.
func (form *baselineForm) checkForm() error {
	now := form.At.Time.Unix()
	if err := form.Org.checkCounts("organization", now); err != nil {
		return err
	}
	for _, m := range [...]map[string]*endpointCounts{form.Accounts, form.Roles} {
		for key, t := range m {
			if err := t.checkCounts(key, now); err != nil {
				return err
			}
		}
	}
	for key, h := range form.People {
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
	for key, src := range form.Sources {
		if src == nil || !notAfter(src.Hidden, now) || !notAfter(attemptTimes(src.Fails), now) {
			return fmt.Errorf("address %q: the saved form is damaged", key)
		}
	}
	for key, times := range form.Hidden {
		if len(times) == 0 || !notAfter(times, now) {
			return fmt.Errorf("address %q: the saved form is damaged", key)
		}
	}
	for key, b := range form.Bursts {
		if b == nil || b.Finding.ID == "" || b.Finding.Count < 1 {
			return fmt.Errorf("burst %q: the saved form is damaged", key)
		}
	}
	return nil
}

// notAfter reports whether the times are in order and not later than now.
func notAfter(times []int64, now int64) bool {
	return slices.IsSorted(times) && (len(times) == 0 || times[len(times)-1] <= now)
}

// attemptTimes returns the times of the attempts in their order.
func attemptTimes(all []failedAttempt) []int64 {
	var out []int64
	for _, a := range all {
		out = append(out, a.At)
	}
	return out
}

// checkCounts returns an error if the counts are absent, are not in order, do not add
// up, or are later than now. Every weight must be a finite number from 0. The error
// names the key.
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
		return fmt.Errorf("counts of %q: the total is %d, but the endpoints add up to %d", key, t.Seen, seen)
	}
	return nil
}
