package batch

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// State is what an export must know to continue. Its size depends on the look-back (a
// checkpoint for each account and Region) and on the sign-ins that are not settled. It
// also depends on the people of the baseline and the objects of the backlog. It does
// not grow with the objects or sign-ins of all time.
//
// Its form is lines of JSON. A checkpoint takes about 290 bytes, with the prefix of the
// folder and the name of the source. Each object that was delivered in the hour before
// the newest delivery adds 11. A sign-in that is not settled takes about 1,300 bytes, a
// principal about 500, and an object of the backlog about 400. With 49 million objects
// a day, in 170,000 folders of 288 each, the checkpoints take about 71 MB. That is the
// same on the second day and after a year.
type State struct {
	head        stateHead                    // the fields that exist once
	checkpoints map[string]ingest.Checkpoint // by source
	owed        map[string]OwedObject        // the backlog (objects that no run could read yet), by source and key
	writtenOff  map[string]WrittenOff        // objects that the user has given up, by source and key; not in the backlog
	baseline    json.RawMessage              // as of head.Settled; empty: nothing was learned yet
	pending     []signin.Event               // the sign-ins after head.Settled, in order of time and id
	last        *Summary                     // the summary of the run that committed the state
}

// stateHead holds the fields that exist once in a state.
type stateHead struct {
	ID       string    `json:"id"`
	Since    time.Time `json:"since"`             // the lake holds sign-ins from this time on
	Settled  time.Time `json:"settled,omitzero"`  // the baseline has learned all sign-ins up to this time
	Newest   time.Time `json:"newest,omitzero"`   // newest delivery that was read
	Accounts []string  `json:"accounts,omitzero"` // --account
	Regions  []string  `json:"regions,omitzero"`  // --region
	Grown    []string  `json:"grown,omitzero"`    // ids of findings of bursts begun up to Settled that grew after it
	Replaced []string  `json:"replaced,omitzero"` // files of the lake that the last generation replaced, to be removed
}

// stateLine is one line of a state file. Exactly one of its members is set.
type stateLine struct {
	Job      *stateHead      `json:"job,omitempty"`
	Run      *Summary        `json:"run,omitempty"`
	Folder   *folderLine     `json:"folder,omitempty"`
	Owed     *OwedObject     `json:"owed,omitempty"`
	Off      *WrittenOff     `json:"written_off,omitempty"`
	Lookup   *lookupLine     `json:"lookup,omitempty"`
	Pending  *signin.Event   `json:"pending,omitempty"`
	Baseline json.RawMessage `json:"baseline,omitempty"`
}

// folderLine is one entry of a checkpoint: that of a folder of a source. Base is its
// key, and Page its value.
type folderLine struct {
	Source string          `json:"source"`
	Base   string          `json:"base"`
	Page   json.RawMessage `json:"page"`
}

// WrittenOff is an object of the backlog that the user has given up. No run reads it
// again, even if it could be read later.
type WrittenOff struct {
	Key    string    `json:"key"`
	Source string    `json:"source"`
	Cause  string    `json:"cause"`  // why it could not be read
	Reason string    `json:"reason"` // the same in words
	At     time.Time `json:"at"`     // when it was written off
}

// lookupLine is a checkpoint whose one entry has an empty key: that of the Event
// history.
type lookupLine struct {
	Source  string          `json:"source"`
	Through json.RawMessage `json:"through"`
}

// newState makes the state with this id in which nothing was committed yet.
func newState(id string) *State {
	return &State{
		head:        stateHead{ID: id},
		checkpoints: map[string]ingest.Checkpoint{}, owed: map[string]OwedObject{}, writtenOff: map[string]WrittenOff{},
	}
}

// backlogKey gives the key of an object in the maps owed and writtenOff. It has the
// source in it, because two buckets may have the same object key.
func backlogKey(source, key string) string { return source + "\x00" + key }

// backlog lists the objects that could not be read, ordered by source and key. It is
// never nil.
func (s *State) backlog() []OwedObject { return sortedValues(s.owed) }

// givenUp lists the objects that were written off, ordered by source and key. It is
// never nil.
func (s *State) givenUp() []WrittenOff { return sortedValues(s.writtenOff) }

func sortedValues[V any](m map[string]V) []V {
	out := []V{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[key])
	}
	return out
}

// encode writes a state as lines of JSON. Equal states give equal bytes. withSummary
// says whether the summary of the last run is written too. It has the time of the run
// and so always differs.
func (s *State) encode(withSummary bool) ([]byte, error) {
	var buf bytes.Buffer
	out := json.NewEncoder(&buf)
	out.SetEscapeHTML(false)
	lines := []stateLine{{Job: &s.head}}
	if withSummary && s.last != nil {
		lines = append(lines, stateLine{Run: s.last})
	}
	for _, source := range slices.Sorted(maps.Keys(s.checkpoints)) {
		entries := s.checkpoints[source]
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			if key != "" {
				lines = append(lines, stateLine{Folder: &folderLine{source, key, entries[key]}})
			}
		}
	}
	for _, o := range s.backlog() {
		lines = append(lines, stateLine{Owed: &o})
	}
	for _, o := range s.givenUp() {
		lines = append(lines, stateLine{Off: &o})
	}
	for _, source := range slices.Sorted(maps.Keys(s.checkpoints)) {
		if entry, ok := s.checkpoints[source][""]; ok {
			lines = append(lines, stateLine{Lookup: &lookupLine{source, entry}})
		}
	}
	if len(s.baseline) > 0 {
		lines = append(lines, stateLine{Baseline: s.baseline})
	}
	for i := range s.pending {
		lines = append(lines, stateLine{Pending: &s.pending[i]})
	}
	for _, line := range lines {
		if err := out.Encode(line); err != nil {
			return nil, fmt.Errorf("encode state: %w", err)
		}
	}
	return buf.Bytes(), nil
}

// decodeState reads what encode wrote, and sorts the pending sign-ins. The caller has
// compared the checksum, so the bytes are as they were written. An error means that
// another program wrote them.
func decodeState(body []byte) (*State, error) {
	s := newState("")
	lines := bufio.NewReader(bytes.NewReader(body))
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read state: %w", err)
		}
		if err := s.addLine(text); err != nil {
			return nil, fmt.Errorf("read state: line %d: %w", n+1, err)
		}
	}
	if s.head.ID == "" {
		return nil, errors.New("read state: the line of the job is missing")
	}
	sortEvents(s.pending)
	return s, nil
}

// addLine puts one line of a state file into the state. It refuses unknown fields, text
// after the JSON, and a line without a known member.
func (s *State) addLine(text []byte) error {
	var line stateLine
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&line); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more text after the JSON")
	}
	switch {
	case line.Job != nil:
		s.head = *line.Job
	case line.Run != nil:
		s.last = line.Run
	case line.Folder != nil:
		s.addEntry(line.Folder.Source, line.Folder.Base, line.Folder.Page)
	case line.Owed != nil:
		s.owed[backlogKey(line.Owed.Source, line.Owed.Key)] = *line.Owed
	case line.Off != nil:
		s.writtenOff[backlogKey(line.Off.Source, line.Off.Key)] = *line.Off
	case line.Lookup != nil:
		s.addEntry(line.Lookup.Source, "", line.Lookup.Through)
	case line.Pending != nil:
		s.pending = append(s.pending, *line.Pending)
	case line.Baseline != nil:
		s.baseline = line.Baseline
	default:
		return errors.New("the line has no known member")
	}
	return nil
}

// addEntry puts one entry of a checkpoint into the state.
func (s *State) addEntry(source, key string, entry json.RawMessage) {
	if s.checkpoints[source] == nil {
		s.checkpoints[source] = ingest.Checkpoint{}
	}
	s.checkpoints[source][key] = entry
}

// compareEvents is the order in which sign-ins are judged: by time, event id and
// account.
func compareEvents(a, b *signin.Event) int {
	return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID), strings.Compare(a.Account, b.Account))
}

func sortEvents(events []signin.Event) {
	slices.SortStableFunc(events, func(a, b signin.Event) int { return compareEvents(&a, &b) })
}
