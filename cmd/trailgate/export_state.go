package main

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
	"trailgate/ingest/trail"
)

// job is the state of an export: what it must know to go on. It grows with the
// look-back (a page for each account and Region), the sign-ins of the last
// --settle, the principals of the baseline and the objects that are owed or were
// written off by hand, and not with the objects or sign-ins of all time.
//
// As lines of JSON a page takes about 290 bytes with the folder's prefix and the
// source's name, and each object of the hour before the newest delivery 11; a
// sign-in that is not settled about 1,300, a principal about 500, an owed object
// about 400. 49 million objects a day, in 170,000 folders of 288, make about 71
// MB of pages, on the second day and after a year alike.
type job struct {
	head        jobHead
	checkpoints map[string]ingest.Checkpoint // by source
	owed        map[string]owedAccount       // by source and key
	off         map[string]writtenOff        // by source and key; none of them is owed
	baseline    json.RawMessage              // as of head.Settled; none: it has learned nothing yet
	pending     []signin.Event               // after head.Settled, in order of time and id
	last        *runAccount                  // the run that committed it
}

// jobHead is what there is one of.
type jobHead struct {
	ID       string    `json:"id"`
	Since    time.Time `json:"since"`             // the lake holds sign-ins from then on
	Settled  time.Time `json:"settled,omitzero"`  // the baseline has learned up to here
	Newest   time.Time `json:"newest,omitzero"`   // newest delivery that was read
	Accounts []string  `json:"accounts,omitzero"` // --account
	Regions  []string  `json:"regions,omitzero"`  // --region
	Grown    []string  `json:"grown,omitzero"`    // findings up to Settled to which sign-ins after it have been added
	Replaced []string  `json:"replaced,omitzero"` // files of the lake to be removed: the last generation replaced them
}

// stateLine is one line of a state file: one of its members is there.
type stateLine struct {
	Job      *jobHead        `json:"job,omitempty"`
	Run      *runAccount     `json:"run,omitempty"`
	Folder   *folderLine     `json:"folder,omitempty"`
	Owed     *owedAccount    `json:"owed,omitempty"`
	Off      *writtenOff     `json:"written_off,omitempty"`
	Lookup   *lookupLine     `json:"lookup,omitempty"`
	Pending  *signin.Event   `json:"pending,omitempty"`
	Baseline json.RawMessage `json:"baseline,omitempty"`
}

type folderLine struct {
	Source string          `json:"source"`
	Base   string          `json:"base"`
	Page   json.RawMessage `json:"page"`
}

// writtenOff is an object that was owed and that nobody wants any more. It stays
// one, whatever becomes of it.
type writtenOff struct {
	Key    string    `json:"key"`
	Source string    `json:"source"`
	Cause  string    `json:"cause"`  // why it could not be read
	Reason string    `json:"reason"` // the same in words
	At     time.Time `json:"at"`     // when it was written off
}

type lookupLine struct {
	Source  string          `json:"source"`
	Through json.RawMessage `json:"through"` // a time
}

func newJob(id string) *job {
	return &job{
		head:        jobHead{ID: id},
		checkpoints: map[string]ingest.Checkpoint{}, owed: map[string]owedAccount{}, off: map[string]writtenOff{},
	}
}

// owedKey names what is owed: a key may lie in two buckets.
func owedKey(source, key string) string { return source + "\x00" + key }

// debts are all objects that are owed, in order.
func (j *job) debts() []owedAccount { return inOrder(j.owed) }

// losses are all objects that were written off, in order.
func (j *job) losses() []writtenOff { return inOrder(j.off) }

func inOrder[V any](m map[string]V) []V {
	out := []V{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[key])
	}
	return out
}

// encode writes a job as lines of JSON, the same job as the same bytes. With
// account is the line about the run, which says when it was and so is never
// the same.
func (j *job) encode(account bool) ([]byte, error) {
	var buf bytes.Buffer
	out := json.NewEncoder(&buf)
	out.SetEscapeHTML(false)
	lines := []stateLine{{Job: &j.head}}
	if account && j.last != nil {
		lines = append(lines, stateLine{Run: j.last})
	}
	for _, source := range slices.Sorted(maps.Keys(j.checkpoints)) {
		entries := j.checkpoints[source]
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			if key != "" {
				lines = append(lines, stateLine{Folder: &folderLine{source, key, entries[key]}})
			}
		}
	}
	for _, o := range j.debts() {
		lines = append(lines, stateLine{Owed: &o})
	}
	for _, o := range j.losses() {
		lines = append(lines, stateLine{Off: &o})
	}
	for _, source := range slices.Sorted(maps.Keys(j.checkpoints)) {
		if through := j.checkpoints[source][""]; through != nil {
			lines = append(lines, stateLine{Lookup: &lookupLine{source, through}})
		}
	}
	if len(j.baseline) > 0 {
		lines = append(lines, stateLine{Baseline: j.baseline})
	}
	for i := range j.pending {
		lines = append(lines, stateLine{Pending: &j.pending[i]})
	}
	for _, line := range lines {
		if err := out.Encode(line); err != nil {
			return nil, fmt.Errorf("encode state: %w", err)
		}
	}
	return buf.Bytes(), nil
}

// decodeJob reads what encode wrote. The bytes have been vouched for by a
// checksum; what is wrong with them all the same was written by another
// program.
func decodeJob(body []byte) (*job, error) {
	j := newJob("")
	lines := bufio.NewReader(bytes.NewReader(body))
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read state: %w", err)
		}
		if err := j.take(text); err != nil {
			return nil, fmt.Errorf("read state: line %d: %w", n+1, err)
		}
	}
	if j.head.ID == "" {
		return nil, errors.New("read state: there is no job in it")
	}
	sortEvents(j.pending)
	return j, nil
}

func (j *job) take(text []byte) error {
	var line stateLine
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&line); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	switch {
	case line.Job != nil:
		j.head = *line.Job
	case line.Run != nil:
		j.last = line.Run
	case line.Folder != nil:
		f := line.Folder
		if _, err := trail.ParseFolderCheckpoint(f.Page); err != nil {
			return err
		}
		j.remember(f.Source, f.Base, f.Page)
	case line.Owed != nil:
		j.owed[owedKey(line.Owed.Source, line.Owed.Key)] = *line.Owed
	case line.Off != nil:
		j.off[owedKey(line.Off.Source, line.Off.Key)] = *line.Off
	case line.Lookup != nil:
		if err := json.Unmarshal(line.Lookup.Through, new(time.Time)); err != nil {
			return err
		}
		j.remember(line.Lookup.Source, "", line.Lookup.Through)
	case line.Pending != nil:
		j.pending = append(j.pending, *line.Pending)
	case line.Baseline != nil:
		j.baseline = line.Baseline
	default:
		return errors.New("nothing that is known in it")
	}
	return nil
}

// remember adds an entry to the checkpoint of a source. That of the Event
// history has one, without a key; the keys of others are folders.
func (j *job) remember(source, key string, entry json.RawMessage) {
	c := j.checkpoints[source]
	if c == nil {
		c = ingest.Checkpoint{}
		j.checkpoints[source] = c
	}
	c[key] = entry
}

// compareEvents is the order in which sign-ins are judged.
func compareEvents(a, b *signin.Event) int {
	return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID), strings.Compare(a.Account, b.Account))
}

func sortEvents(events []signin.Event) {
	slices.SortStableFunc(events, func(a, b signin.Event) int { return compareEvents(&a, &b) })
}
