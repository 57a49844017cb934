package lookup

import (
	"errors"
	"hash/maphash"
	"strings"
	"time"
)

// pageAnswer is a page as it came.
type pageAnswer struct {
	events []lookupEvent
	next   string // the token; empty: it is the last page
}

// Answers that are not pages.
var (
	errEmptyAnswer = errors.New("the answer holds no page")
	errStuck       = errors.New("the page names itself as the next one")
	errRepeat      = errors.New("the page holds nothing that has not been there")
)

// maxRepeats is how many pages without a new event are remembered in a row.
const maxRepeats = 4096

// seenAnswers remembers the pages since the last with a new event, by their
// events or, where they are empty, by their tokens. A Region that is all right
// has next to none of them.
type seenAnswers struct {
	seed  maphash.Seed
	pages map[uint64]bool
}

// addAnswer remembers a page, and tells whether it is the first of its kind.
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

// checkProgress tells whether a page brings the Region on: it has a new event, or is
// empty and leads to where the Region has not been, or it is the last one. One
// that has come before is left out, and what follows it is asked for. One that
// has old events only, in an order in which they have not come, is taken, but
// not for ever.
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
