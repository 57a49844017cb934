package analyzer

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/ingest/signin"
)

// detections reads the mapping from rules of findings to their settings.
func (r *reader) detections(f field) {
	fields, _ := r.mapping(f.value, f.at, f.key, RuleIDs())
	for _, id := range fields {
		settings, ok := r.mapping(id.value, id.at, id.key, detectionKeys())
		if !ok {
			continue
		}
		t := tuning{id: id.key}
		for _, s := range settings {
			r.setting(&t.Detection, s)
		}
		r.p.detections = append(r.p.detections, t)
	}
	slices.SortFunc(r.p.detections, func(a, b tuning) int { return strings.Compare(a.id, b.id) })
}

func (r *reader) setting(d *Detection, f field) {
	switch f.key {
	case "enabled":
		d.Enabled = signin.No
		if r.truth(f) {
			d.Enabled = signin.Yes
		}
		return
	case "severity":
		d.Severity = r.severity(f)
		return
	}
	s, ok := r.text(f.value, f.at, f.key)
	if !ok {
		return
	}
	where := at(f.value)
	switch f.key {
	case "threshold":
		bits, err := strconv.ParseFloat(s, 64)
		if err != nil || !(bits > 0) || math.IsInf(bits, 0) {
			r.fail(where, "threshold %.60q: want a number of bits above 0", s)
		}
		d.Threshold = bits
	case "count":
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > math.MaxInt32 {
			r.fail(where, "count %.60q: want a whole number from 1", s)
		}
		d.Count = n
	case "window":
		w, ok := span(s)
		if !ok {
			r.fail(where, "window %.60q: want a duration such as 10m, 6h or 7d", s)
		}
		d.Window = w
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
