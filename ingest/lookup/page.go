package lookup

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"trailgate/ingest"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
)

// lookupEvent is an event of a page. Its fields have the names of the API.
type lookupEvent struct {
	EventID         string    `json:"EventId"`
	EventName       string    `json:",omitempty"`
	EventSource     string    `json:",omitempty"`
	EventTime       time.Time `json:",omitzero"`
	Username        string    `json:",omitempty"`
	CloudTrailEvent string    `json:",omitempty"`
}

// eventDocument is a page in the form that package record reads.
type eventDocument struct{ Events []lookupEvent }

// lookupEvents copies the events of an answer.
func lookupEvents(events []types.Event) []lookupEvent {
	out := make([]lookupEvent, 0, len(events))
	for _, e := range events {
		out = append(out, lookupEvent{
			EventID: aws.ToString(e.EventId), EventName: aws.ToString(e.EventName), EventSource: aws.ToString(e.EventSource),
			EventTime: aws.ToTime(e.EventTime), Username: aws.ToString(e.Username), CloudTrailEvent: aws.ToString(e.CloudTrailEvent),
		})
	}
	return out
}

// pageReading is the content of a page.
type pageReading struct {
	events []signin.Event
	skips  []*ingest.SkipError // of single records
	bytes  int64               // of the records
}

// readPage decodes the events of a page, and returns the sign-ins in them. An event
// that cannot be read becomes a skip in the result. The origin is stored in every
// sign-in and skip. The error is that of writing an event as JSON.
func readPage(s *record.Scanner, all []lookupEvent, origin string) (pageReading, error) {
	var out pageReading
	for _, it := range all {
		out.bytes += int64(len(it.CloudTrailEvent))
		raw, err := json.Marshal(eventDocument{Events: []lookupEvent{it}})
		if err != nil {
			return out, err
		}
		found := 0
		for e, err := range s.Scan(raw, origin) {
			found++
			if err != nil {
				out.skips = append(out.skips, ingest.Skip(origin, err))
				continue
			}
			out.events = append(out.events, e)
		}
		// Another service may use the same event name. Such an event is not a sign-in.
		// An event without a readable record may be one, and it is lost.
		if found == 0 && (it.EventSource == "" || it.EventSource == eventSource) {
			out.skips = append(out.skips, &ingest.SkipError{Cause: ingest.CauseRecord, Origin: origin, Record: true,
				Err: errors.New("event " + it.EventID + " without a readable record in CloudTrailEvent")})
		}
	}
	return out, nil
}

const eventSource = "signin.amazonaws.com"

// overlapSpan is how long before its oldest event a restarted window ends.
const overlapSpan = time.Second

// pageOverlap remembers the events of the oldest second and of the second after it. When
// the paging restarts there, each event is still yielded only once.
type pageOverlap struct {
	oldest time.Time
	ids    map[string]time.Time
}

// addEvents remembers the events of a page, moves oldest back, and forgets the
// events that are newer than overlapSpan after it.
func (o *pageOverlap) addEvents(all []lookupEvent) {
	if o.ids == nil {
		o.ids = map[string]time.Time{}
	}
	for _, it := range all {
		if !it.EventTime.IsZero() && (o.oldest.IsZero() || it.EventTime.Before(o.oldest)) {
			o.oldest = it.EventTime
		}
		o.ids[it.EventID] = it.EventTime
	}
	for id, at := range o.ids {
		if at.After(o.oldest.Add(overlapSpan)) {
			delete(o.ids, id)
		}
	}
}

// hasNews reports whether one of the events is new and not before start. Events
// come newest first, so an event that is newer than the remembered ones counts as
// known.
func (o *pageOverlap) hasNews(all []lookupEvent, start time.Time) bool {
	return slices.ContainsFunc(all, func(it lookupEvent) bool {
		switch {
		case it.EventTime.IsZero() || it.EventTime.Before(start):
			return false
		case o.oldest.IsZero() || it.EventTime.Before(o.oldest):
			return true
		}
		_, known := o.ids[it.EventID]
		return !known && !it.EventTime.After(o.oldest.Add(overlapSpan))
	})
}

// withoutOverlap returns the events that are not remembered. It changes the slice
// all.
func (o *pageOverlap) withoutOverlap(all []lookupEvent) []lookupEvent {
	return slices.DeleteFunc(all, func(it lookupEvent) bool {
		_, known := o.ids[it.EventID]
		return known && it.EventID != ""
	})
}
