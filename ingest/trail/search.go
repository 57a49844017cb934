package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"trailgate/ingest"
)

// The bounds of the search for AWSLogs folders. A bucket that needs more is
// not a trail bucket to be found by trying; its user knows the prefix.
const (
	searchDepth   = 5      // levels below the start
	searchFolders = 200    // folders listed
	searchEntries = 10_000 // entries of one folder looked at
)

// NoTrailError says that a place holds nothing in CloudTrail's layout.
type NoTrailError struct {
	Place string   // as the user named it
	Found []string // the first few names that were found instead
}

// Error names what was looked for and what was found instead.
func (e *NoTrailError) Error() string {
	found := "nothing"
	if len(e.Found) > 0 {
		quoted := make([]string, len(e.Found))
		for i, name := range e.Found {
			quoted[i] = fmt.Sprintf("%q", name)
		}
		found = strings.Join(quoted, ", ")
	}
	return fmt.Sprintf("find trail in %q: no AWSLogs/[o-ID/]ACCOUNT/CloudTrail folder there; found %s", e.Place, found)
}

// maxFound is how many names a NoTrailError gives.
const maxFound = 5

// listed is what one folder holds, one level deep.
type listed struct {
	folders []folder
	names   []string // of the first entries, for words
	objects int      // objects among the entries
	odd     []Entry
	skips   []*ingest.SkipError
	more    bool // there are more entries than were looked at
	none    bool // not one entry, and no error
	err     error
}

// one lists a single level.
func (l *lister) one(ctx context.Context, f folder, limit int) listed {
	var out listed
	n := 0
	for e, err := range l.store.List(ctx, ListRequest{Prefix: f.prefix, Delimited: true}) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			out.skips = append(out.skips, skip)
			continue
		case err != nil:
			out.err = err
			return out
		}
		if e.Key == f.prefix {
			continue
		}
		if n++; limit > 0 && n > limit {
			out.more = true
			break
		}
		name := strings.TrimPrefix(e.Key, f.prefix)
		if len(out.names) < maxFound {
			out.names = append(out.names, name)
		}
		switch {
		case e.Odd != "":
			out.odd = append(out.odd, e)
		case e.Folder:
			out.take(l, f, strings.TrimSuffix(name, "/"))
		default:
			out.objects++
		}
	}
	out.none = n == 0 && len(out.skips) == 0
	return out
}

// take sorts one folder in.
func (out *listed) take(l *lister, f folder, name string) {
	c, reason := f.child(name)
	if reason == "" && c.level == account && !l.wanted(c) {
		l.mark()
		reason = ingest.ReasonAccountFilter
	}
	if reason != "" {
		l.excludeFolder(reason)
		return
	}
	out.folders = append(out.folders, c)
}

// search finds the accounts and organizations below a start that is above
// them, breadth first. Its result does not depend on how fast answers come.
func (l *lister) search(ctx context.Context, start folder) ([]folder, error) {
	var found []folder
	level, budget := []folder{start}, searchFolders
	for depth := 0; len(level) > 0; depth++ {
		var cut *ingest.SkipError
		if level, budget, cut = l.bound(level, depth, budget); cut != nil && !l.sendSkip(cut) {
			return nil, ctx.Err()
		}
		var next []folder
		for i, got := range l.listAll(ctx, level) {
			if err := l.bookSearch(got, depth == 0, level[i]); err != nil {
				return nil, err
			}
			for _, c := range got.folders {
				if c.level == above || c.level == logs {
					next = append(next, c)
				} else {
					found = append(found, c)
				}
			}
		}
		level = next
	}
	return found, nil
}

// bound cuts a level to what the search may still list. Folders named AWSLogs
// are always listed.
func (l *lister) bound(level []folder, depth, budget int) ([]folder, int, *ingest.SkipError) {
	slices.SortStableFunc(level, func(a, b folder) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.prefix, b.prefix))
	})
	for i, f := range level {
		if f.level != above {
			continue
		}
		if depth <= searchDepth && budget > 0 {
			budget--
			continue
		}
		for range level[i:] {
			l.excludeFolder(ingest.ReasonNotSearched)
		}
		return level[:i], budget, &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(f.prefix),
			Err: fmt.Errorf("the search for AWSLogs folders ended at its bound of %d folders and %d levels, with %d folders from here on not searched: name a prefix nearer to AWSLogs",
				searchFolders, searchDepth, len(level)-i)}
	}
	return level, budget, nil
}

// listAll lists folders in parallel; its answers stand in their order.
func (l *lister) listAll(ctx context.Context, level []folder) []listed {
	out := make([]listed, len(level))
	var wg sync.WaitGroup
	slots := make(chan struct{}, l.parallel)
	for i := range level {
		slots <- struct{}{}
		wg.Go(func() {
			out[i] = l.one(ctx, level[i], searchEntries)
			<-slots
		})
	}
	wg.Wait()
	return out
}

// bookSearch counts what a search met in one folder. An error at the start ends
// the run: there is nothing else to read.
func (l *lister) bookSearch(got listed, start bool, f folder) error {
	if got.err != nil {
		return got.err
	}
	if start {
		l.found = got.names
		if len(got.skips) > 0 {
			return fatal(got.skips[0])
		}
	}
	if got.more {
		got.skips = append(got.skips, &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(f.prefix),
			Err: fmt.Errorf("only the first %d entries were looked at in the search for AWSLogs folders", searchEntries)})
	}
	l.exclude(Other.String(), got.objects)
	for range got.odd {
		l.excludeFolder(ingest.ReasonIrregular)
	}
	for _, skip := range got.skips {
		if !l.sendSkip(skip) {
			return context.Canceled
		}
	}
	return nil
}

// fatal turns the skip of a place into the error of the run.
func fatal(skip *ingest.SkipError) error { return fmt.Errorf("list %q: %w", skip.Origin, skip.Err) }
