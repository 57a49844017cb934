package policy

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/analyzer/rule"
	"trailgate/ingest/signin"
)

// readDetections reads the settings of the rules of findings into the policy, sorted by
// the id of the rule. It adds a problem for each unknown rule or wrong value.
func (r *policyReader) readDetections(f field) {
	rules := rule.All()
	fields, _ := r.readMapping(f.value, f.at, f.key, rule.IDs())
	for _, id := range fields {
		d := rules[slices.IndexFunc(rules, func(d rule.Spec) bool { return d.ID == id.key })]
		settings, ok := r.readMapping(id.value, id.at, id.key, d.Settings())
		if !ok {
			continue
		}
		t := tuning{id: id.key}
		for _, s := range settings {
			r.readSetting(&t.Detection, d, s)
		}
		r.p.detections = append(r.p.detections, t)
	}
	slices.SortFunc(r.p.detections, func(a, b tuning) int { return strings.Compare(a.id, b.id) })
}

func (r *policyReader) readSetting(to *Detection, d rule.Spec, f field) {
	switch f.key {
	case "enabled":
		to.Enabled = signin.No
		if r.readBool(f) {
			to.Enabled = signin.Yes
		}
		return
	case "severity":
		to.Severity = r.readSeverity(f)
		return
	}
	s, ok := r.readText(f.value, f.at, f.key)
	if !ok {
		return
	}
	where := valuePosition(f.value)
	most, longest := d.Limits()
	switch f.key {
	case "threshold":
		bits, err := strconv.ParseFloat(s, 64)
		if err != nil || !(bits > 0) || math.IsInf(bits, 0) {
			r.addProblem(where, "threshold %.60q: want a number of bits above 0", s)
		}
		to.Threshold = bits
	case "count":
		n, err := strconv.Atoi(s)
		switch {
		case err != nil, n < 1, n > math.MaxInt32:
			r.addProblem(where, "count %.60q: want a whole number from 1", s)
		case most > 0 && n > most:
			r.addProblem(where, "count %d: %s counts up to %d", n, d.ID, most)
		}
		to.Count = n
	case "window":
		w, ok := parseSpan(s)
		switch {
		case !ok:
			r.addProblem(where, "window %.60q: want a duration such as 10m, 6h or 7d", s)
		case longest > 0 && w > longest:
			r.addProblem(where, "window %.60q: %s looks back %d days at most", s, d.ID, longest/(24*time.Hour))
		}
		to.Window = w
	}
}

// parseSpan reads a duration above zero. It accepts Go's durations, and days and weeks
// as 7d and 2w, up to 1023 of them. It returns false for any other text.
func parseSpan(s string) (time.Duration, bool) {
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
