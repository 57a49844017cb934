package lookup

import (
	"errors"
	"hash/maphash"
	"strings"
	"time"
)

// pageAnswer is a page as AWS sent it.
type pageAnswer struct {
	events []lookupEvent
	next   string // the token of the next page; empty: this is the last page
}

// The answers that are not a page, or not a new one.
var (
	errEmptyAnswer = errors.New("the answer does not have a page")
	errStuck       = errors.New("the page names itself as the next one")
	errRepeat      = errors.New("the page has nothing new")
)

// maxRepeats is how many pages without a new event are remembered.
const maxRepeats = 4096

// seenAnswers remembers the pages since the last one with a new event. A page is known by
// its events, or by its token if it is empty. A Region that works well has almost no
// such pages.
type seenAnswers struct {
	seed  maphash.Seed
	pages map[uint64]bool
}

// addAnswer remembers a page, and reports whether it was not known before. When
// maxRepeats pages are remembered, every page counts as known.
func (r *seenAnswers) addAnswer(a pageAnswer) bool {
	if r.pages == nil {
		r.seed, r.pages = maphash.MakeSeed(), map[uint64]bool{}
	}
	ids := make([]string, 0, 1+len(a.events))
	for _, it := range a.events {
		ids = append(ids, it.EventID)
	}
	if len(ids) == 0 {
		ids = append(ids, "", a.next)
	}
	key := maphash.String(r.seed, strings.Join(ids, "\n"))
	if r.pages[key] || len(r.pages) >= maxRepeats {
		return false
	}
	r.pages[key] = true
	return true
}

// checkProgress returns nil if the page is new: it has a new event, or it is empty
// and has a new token, or it is the last page. A new event, and an empty page, also
// restart the Region's timeout. A page whose token is that of the request is
// errStuck. A page that has come before is errRepeat, and r.token is set to its
// token, so that the next page is asked for. A page with old events in a new order
// is accepted, but only until the Region's timeout: some servers repeat events
// without end.
func (r *regionWalk) checkProgress(a pageAnswer) error {
	switch {
	case a.next == "":
		return nil
	case a.next == r.token:
		return errStuck
	case r.seen.hasNews(a.events, r.start):
		r.since = time.Time{}
		clear(r.repeats.pages)
		return nil
	}
	first := r.repeats.addAnswer(a)
	switch {
	case first && len(a.events) == 0:
		r.since = time.Time{}
		return nil
	case first && r.now().Sub(r.since) < r.timeout:
		return nil
	}
	r.token = a.next
	return errRepeat
}
