package ingest

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"trailgate/ingest/signin"
)

// Merger merges the sign-ins of several streams, and keeps each once. The zero
// Merger is ready; set Window before the first Add. It is for one goroutine.
//
// Two copies are the same sign-in if they have the same eventID. They are also
// the same if the addendum of one has the eventID of the other (CloudTrail User
// Guide, "CloudTrail record contents": a redelivered or updated record has an
// id of its own, and the original's in addendum.originalEventID). The Merger
// keeps the fullest copy. The choice does not depend on the order of arrival.
type Merger struct {
	Window   Window
	Coverage Coverage // Seen, SignIns, Duplicates, Outside, Filtered and the skips

	chunks    [][]signin.Event // in blocks that never move, so that growing costs no copy
	indexByID map[string]int32 // event id -> index
	movedTo   map[int32]int32  // an index whose sign-in was found to be another's
	count     int32
}

// chunk is the number of events in a block.
const chunk = 1 << 12

// Add adds one event and counts it. An event that the window does not want is
// counted and dropped. Of two copies of a sign-in the fuller one is kept.
func (m *Merger) Add(e signin.Event) {
	c := &m.Coverage
	c.Seen++
	switch m.Window.Match(&e) {
	case Outside:
		c.Outside++
		return
	case Filtered:
		c.Filtered++
		return
	}
	if m.indexByID == nil {
		m.indexByID = map[string]int32{}
	}
	i, known := m.findIndex(e.ID)
	if e.OriginalID != "" && e.OriginalID != e.ID {
		j, too := m.findIndex(e.OriginalID)
		switch {
		case known && too && i != j:
			m.uniteEvents(i, j)
		case !known && too:
			i, known = j, true
		}
	}
	if known {
		c.Duplicates++
		if kept := m.eventAt(i); compareFullness(&e, kept) > 0 {
			*kept = e
		}
	} else {
		c.SignIns++
		i = m.count
		m.appendEvent(e)
	}
	m.indexByID[e.ID] = i
	if e.OriginalID != "" {
		m.indexByID[e.OriginalID] = i
	}
}

func (m *Merger) eventAt(i int32) *signin.Event { return &m.chunks[i/chunk][i%chunk] }

func (m *Merger) appendEvent(e signin.Event) {
	if m.count%chunk == 0 {
		m.chunks = append(m.chunks, make([]signin.Event, 0, chunk))
	}
	last := &m.chunks[len(m.chunks)-1]
	*last = append(*last, e)
	m.count++
}

// findIndex returns the index of the sign-in with this id. It follows sign-ins that
// uniteEvents has moved. It reports false if the id is not known.
func (m *Merger) findIndex(id string) (int32, bool) {
	i, ok := m.indexByID[id]
	for to, moved := m.movedTo[i]; ok && moved; to, moved = m.movedTo[i] {
		i = to
	}
	return i, ok
}

// uniteEvents makes one sign-in of two that turned out to be copies. The fuller
// copy is kept at index i, and j then stands for i. The second one is counted as a
// duplicate.
func (m *Merger) uniteEvents(i, j int32) {
	if compareFullness(m.eventAt(j), m.eventAt(i)) > 0 {
		*m.eventAt(i) = *m.eventAt(j)
	}
	if m.movedTo == nil {
		m.movedTo = map[int32]int32{}
	}
	m.movedTo[j] = i
	m.Coverage.SignIns--
	m.Coverage.Duplicates++
}

// Sorted gives the sign-ins in order of time, then event id, then account. The
// events belong to the Merger and must not be changed. After a further Add the
// result is out of date.
func (m *Merger) Sorted() []*signin.Event {
	order := make([]*signin.Event, 0, m.count)
	for i := range m.count {
		if _, moved := m.movedTo[i]; !moved {
			order = append(order, m.eventAt(i))
		}
	}
	slices.SortFunc(order, func(x, y *signin.Event) int {
		return cmp.Or(x.Time.Compare(y.Time), strings.Compare(x.ID, y.ID), strings.Compare(x.Account, y.Account))
	})
	return order
}

// Events gives copies of the sign-ins, in the order of Sorted.
func (m *Merger) Events() iter.Seq[signin.Event] {
	order := m.Sorted()
	return func(yield func(signin.Event) bool) {
		for _, e := range order {
			if !yield(*e) {
				return
			}
		}
	}
}

// compareFullness compares two copies of one sign-in. It is positive if a is to
// be kept rather than b. The copy with more fields wins. Then an update wins,
// because it corrects the other; then the original over its redelivery, the
// carrier, and the version. The texts come last, so that the result is zero
// only for equal copies.
func compareFullness(a, b *signin.Event) int {
	return cmp.Or(
		cmp.Compare(countFields(a), countFields(b)),
		cmp.Compare(boolOrder(a.Updated), boolOrder(b.Updated)),
		cmp.Compare(len(b.OriginalID), len(a.OriginalID)),
		cmp.Compare(b.Carrier, a.Carrier),
		strings.Compare(a.Version, b.Version),
		strings.Compare(b.Origin, a.Origin),
		strings.Compare(b.ID, a.ID),
		slices.Compare(textFields(b), textFields(a)),
	)
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// countFields counts the fields that a copy has. A copy without malformed fields
// counts one more.
func countFields(e *signin.Event) int {
	n := 0
	for _, s := range textFields(e) {
		if s != "" {
			n++
		}
	}
	for _, said := range [...]bool{e.Outcome != 0, e.MFA != 0, e.Mobile != 0, !e.Malformed} {
		if said {
			n++
		}
	}
	return n
}

// textFields are the fields in which copies may differ. Some EventBridge copies
// have "global" for the Region that the other copies name; it counts as absent.
func textFields(e *signin.Event) []string {
	region := e.Region
	if region == "global" {
		region = ""
	}
	id := e.Identity
	return []string{
		e.Version, e.Account, region, id.Type, id.Account, id.ARN, id.PrincipalID, id.UserName, id.IssuerARN,
		e.ErrorCode, e.ErrorMessage, e.SourceIP, e.UserAgent, e.LoginTo, e.SAMLProvider, e.VPCEndpoint,
		e.Host, e.TLSVersion, e.TLSCipher, e.Outcome.String(), e.MFA.String(), e.Region, e.Time.String(),
	}
}

// Merge opens the sources with the window and brings their sign-ins together;
// see MergeStreams.
func Merge(ctx context.Context, w Window, sources ...Source) (*Merger, error) {
	streams := make([]Stream, len(sources))
	for i, s := range sources {
		streams[i] = s.Open(ctx, w)
	}
	return MergeStreams(ctx, w, streams...)
}

// MergeStreams reads the streams one after the other and brings their sign-ins
// together in order of time. The context must be that with which they were opened.
//
// The Merger is valid even with an error. If the context has ended, it has the
// events up to then, Coverage.Partial is set, and the error is the cause of the
// context. If a stream has failed as a whole, it has the events of the others. The
// failure is a skip of CauseSource, and the first one is also the error. No event
// may be added to the Merger afterwards: it has dropped the index by event id,
// which takes much memory.
func MergeStreams(ctx context.Context, w Window, streams ...Stream) (*Merger, error) {
	m := &Merger{Window: w}
	defer func() { m.indexByID = nil }()
	var failed error
	for _, s := range streams {
		err := m.addStream(s)
		c := s.Coverage()
		if err != nil && ctx.Err() == nil {
			failed = cmp.Or(failed, err)
			c.Listed++
			c.Skip(&SkipError{Cause: CauseSource, Origin: strings.Join(c.Sources, " "), Err: err})
		}
		m.Coverage.Add(c)
		if ctx.Err() != nil {
			m.Coverage.Partial = true
			return m, context.Cause(ctx)
		}
	}
	return m, failed
}

// addStream reads one stream to its end. It adds its events and counts its skips.
// It returns the error that ended the stream, if there was one.
func (m *Merger) addStream(s Stream) error {
	for e, err := range s.Events() {
		var skip *SkipError
		switch {
		case err == nil:
			m.Add(e)
		case errors.As(err, &skip):
			m.Coverage.Skip(skip)
		default:
			return err
		}
	}
	return nil
}
