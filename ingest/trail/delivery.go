package trail

import (
	"time"

	"trailgate/ingest"
)

// stampSlack widens the window on both sides, because the stamp of a file name
// has minutes only.
const stampSlack = time.Minute

// deliveryBounds says which log files may hold wanted sign-ins, by their time
// of delivery.
type deliveryBounds struct {
	since, last      time.Time // first and last delivery; zero: no bound
	firstDay, endDay string    // paths of the first wanted day, and of the first day after the last; empty: no bound
}

// boundsOf derives the bounds from a window.
func boundsOf(w ingest.Window) deliveryBounds {
	var b deliveryBounds
	if !w.Since.IsZero() {
		b.since = w.Since.Add(-stampSlack)
		b.firstDay = sortableDayPath(ingest.DayOf(b.since))
	}
	if last := w.LastDelivery(); !last.IsZero() {
		b.last = last.Add(stampSlack)
		b.endDay = sortableDayPath(ingest.DayOf(b.last) + 1)
	}
	return b
}

// sortableDayPath is the path of a day, for comparison with keys. It is empty
// for a year that does not have four digits, because such a path sorts wrongly
// among the others.
func sortableDayPath(d ingest.Day) string {
	if year := d.Time().Year(); year < 0 || year > 9999 {
		return ""
	}
	return dayPath(d)
}

// isTooEarly reports whether the stamp proves that the file was delivered
// before the first wanted sign-in. A stamp of another day than the file's
// folder proves nothing.
func (b *deliveryBounds) isTooEarly(k Key) bool {
	return !b.since.IsZero() && k.Delivered.Before(b.since) && ingest.DayOf(k.Delivered) == k.Day
}

// isTooLate reports whether the stamp proves that the file was delivered after
// the last wanted delivery.
func (b *deliveryBounds) isTooLate(k Key) bool {
	return !b.last.IsZero() && k.Delivered.After(b.last) && ingest.DayOf(k.Delivered) == k.Day
}
