package analyzer

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/ingest/signin"
)

// settings are the keys that the policy may have under the rule.
func (d detector) settings() []string {
	keys := []string{"enabled", "severity"}
	if d.threshold > 0 {
		keys = append(keys, "threshold")
	}
	if d.count > 0 {
		keys = append(keys, "count")
	}
	return append(keys, "window")
}

// most is what the rule can count up to, and over how long: what the baseline
// remembers of failures, and of people away from home. Zero is without end.
func (d detector) most() (count int, window time.Duration) {
	switch {
	case d.family == forceFamily, d.family == sprayFamily, d.family == namesFamily:
		return maxFailures, maxWindow
	case d.id == RuleIDCHome:
		return maxHomePeople, 0
	}
	return 0, 0
}

// detections reads the mapping from rules of findings to their settings.
func (r *reader) detections(f field) {
	rules := ruleList()
	fields, _ := r.mapping(f.value, f.at, f.key, RuleIDs())
	for _, id := range fields {
		d := rules[slices.IndexFunc(rules[:], func(d detector) bool { return d.id == id.key })]
		settings, ok := r.mapping(id.value, id.at, id.key, d.settings())
		if !ok {
			continue
		}
		t := tuning{id: id.key}
		for _, s := range settings {
			r.setting(&t.Detection, d, s)
		}
		r.p.detections = append(r.p.detections, t)
	}
	slices.SortFunc(r.p.detections, func(a, b tuning) int { return strings.Compare(a.id, b.id) })
}

func (r *reader) setting(to *Detection, d detector, f field) {
	switch f.key {
	case "enabled":
		to.Enabled = signin.No
		if r.truth(f) {
			to.Enabled = signin.Yes
		}
		return
	case "severity":
		to.Severity = r.severity(f)
		return
	}
	s, ok := r.text(f.value, f.at, f.key)
	if !ok {
		return
	}
	where := at(f.value)
	most, longest := d.most()
	switch f.key {
	case "threshold":
		bits, err := strconv.ParseFloat(s, 64)
		if err != nil || !(bits > 0) || math.IsInf(bits, 0) {
			r.fail(where, "threshold %.60q: want a number of bits above 0", s)
		}
		to.Threshold = bits
	case "count":
		n, err := strconv.Atoi(s)
		switch {
		case err != nil, n < 1, n > math.MaxInt32:
			r.fail(where, "count %.60q: want a whole number from 1", s)
		case most > 0 && n > most:
			r.fail(where, "count %d: %s counts up to %d", n, d.id, most)
		}
		to.Count = n
	case "window":
		w, ok := span(s)
		switch {
		case !ok:
			r.fail(where, "window %.60q: want a duration such as 10m, 6h or 7d", s)
		case longest > 0 && w > longest:
			r.fail(where, "window %.60q: %s looks back %d days at most", s, d.id, longest/day)
		}
		to.Window = w
	}
}

// span reads a duration above nothing: Go's, and days and weeks.
func span(s string) (time.Duration, bool) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, d > 0
	}
	day := 24 * time.Hour
	for i, unit := range [...]time.Duration{day, 7 * day} {
		if digits, ok := strings.CutSuffix(s, [...]string{"d", "w"}[i]); ok {
			n, err := strconv.ParseUint(digits, 10, 10)
			return time.Duration(n) * unit, err == nil && n > 0
		}
	}
	return 0, false
}
