package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/lookup"
	"trailgate/ingest/signin"
	"trailgate/ingest/trail"
)

// booked is a source of an export: it reads what its books do not know and
// what is owed. What has no books, files and standard input, is read whole
// every time; the lake knows what it has.
type booked struct {
	ingest.Source
	name   string // by which the books know it
	until  time.Time
	reach  time.Time          // of the Event history: read completely up to here
	newest time.Time          // delivery that came
	owed   map[string]bool    // keys that earlier runs owe
	off    map[string]bool    // keys that were written off
	passed ingest.Coverage    // what they change in the source's account
	failed map[string]failure // keys that could not be read now
	read   map[string]bool    // owed keys that were read now
}

type failure struct{ cause, reason string }

// attach gives each source what the job knows of it.
func (x *exporter) attach(sources []ingest.Source) error {
	for _, s := range sources {
		b := &booked{Source: s, until: x.until, failed: map[string]failure{}, read: map[string]bool{}, owed: map[string]bool{}, off: map[string]bool{}}
		switch s := s.(type) {
		case *trail.Source:
			name, err := nameOf(s)
			if err != nil {
				return err
			}
			b.name = name
			s.Books, s.LookBack, s.Now = x.job.books[name], x.flags.lookBack, x.now()
			if s.Books == nil {
				s.Books = &trail.Checkpoint{}
			}
			for _, o := range x.job.owed {
				if o.Source == name {
					b.owed[o.Key] = true
				}
			}
			for _, o := range x.job.off {
				if o.Source == name {
					b.off[o.Key] = true
				}
			}
			s.Owed = slices.Sorted(maps.Keys(b.owed))
		case *lookup.Source:
			b.name = s.Name
			if through := x.job.lookups[b.name]; !through.IsZero() {
				b.reach = through.Add(-x.flags.lookBack)
			}
			b.until = x.now()
		}
		if b.name != "" && slices.ContainsFunc(x.sources, func(o *booked) bool { return o.name == b.name }) {
			return usagef("source %q is named twice", b.name)
		}
		x.sources = append(x.sources, b)
	}
	return nil
}

// nameOf is the name of a trail in the books: the same wherever the command
// is run.
func nameOf(s *trail.Source) (string, error) {
	if _, disk := s.Store.(*trail.S3); disk {
		return strings.TrimSuffix(s.Name, "/"), nil
	}
	path, err := filepath.Abs(s.Store.Origin(s.Prefix))
	if err != nil {
		return "", fmt.Errorf("source %q: %w", s.Name, err)
	}
	return path, nil
}

func (x *exporter) streams() []ingest.Source {
	var out []ingest.Source
	for _, b := range x.sources {
		out = append(out, b)
	}
	return out
}

// Events streams what is new. The window's end is not the run's: a log file
// is read whole or not at all, so only its delivery is bounded.
func (b *booked) Events(ctx context.Context, w ingest.Window) iter.Seq2[signin.Event, error] {
	switch s := b.Source.(type) {
	case *trail.Source:
		w.Until, w.Lateness = b.until, -1
		return func(yield func(signin.Event, error) bool) { b.stream(s.Readings(ctx, w), yield) }
	case *lookup.Source:
		if b.reach.After(w.Since) {
			w.Since = b.reach
		}
		w.Until = b.until
		own, err := s.Settle(w)
		if err != nil {
			return func(yield func(signin.Event, error) bool) { yield(signin.Event{}, err) }
		}
		w = own
	}
	return b.Source.Events(ctx, w)
}

// stream flattens the readings of a trail, and notes what became of each
// object.
func (b *booked) stream(readings iter.Seq2[trail.Reading, error], yield func(signin.Event, error) bool) {
	for r, err := range readings {
		if err != nil {
			yield(signin.Event{}, err)
			return
		}
		if b.off[r.Object.Key] {
			b.pass(&r)
			continue
		}
		b.note(&r)
		if r.Skip != nil && !yield(signin.Event{}, r.Skip) {
			return
		}
		for i := range r.Events {
			if !yield(r.Events[i], nil) {
				return
			}
		}
		for _, skip := range r.Records {
			if !yield(signin.Event{}, skip) {
				return
			}
		}
	}
}

// pass passes over an object that was written off, as if it had not been read,
// whether it could be or not.
func (b *booked) pass(r *trail.Reading) {
	b.passed.Exclude("written-off", 1)
	if r.Skip == nil {
		b.passed.Read--
	}
	b.passed.Packed -= r.Packed
	b.passed.Inflated -= r.Inflated
}

// Coverage is the source's, in which what was written off is excluded.
func (b *booked) Coverage() ingest.Coverage {
	var c ingest.Coverage
	c.Add(b.Source.Coverage())
	c.Add(b.passed)
	return c
}

func (b *booked) note(r *trail.Reading) {
	key := r.Object.Key
	if at := r.Object.Name.Delivered; at.After(b.newest) {
		b.newest = at
	}
	switch {
	case key == "":
	case r.Skip != nil:
		b.failed[key] = failure{string(r.Skip.Cause), r.Skip.Err.Error()}
	case b.owed[key]:
		b.read[key] = true
	}
}

// book takes what was read into the job: the books, and what is owed from now
// on.
func (x *exporter) book(c *ingest.Coverage) {
	for _, b := range x.sources {
		switch s := b.Source.(type) {
		case *trail.Source:
			x.job.books[b.name] = s.Booked()
		case *lookup.Source:
			own := s.Coverage()
			if x.failed == nil && own.Complete() && c.Complete() {
				x.job.lookups[b.name] = b.until
			}
		}
		for key := range b.read {
			delete(x.job.owed, owedKey(b.name, key))
		}
		for key, f := range b.failed {
			o, known := x.job.owed[owedKey(b.name, key)]
			if !known {
				o = owedAccount{Key: key, Source: b.name, Since: x.begun.Truncate(time.Second)}
			}
			o.Cause, o.Reason = f.cause, f.reason
			o.Tries++
			x.job.owed[owedKey(b.name, key)] = o
		}
	}
	x.account.Owed = x.job.debts()
}
