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

// folderEntries is what one folder holds, one level deep.
type folderEntries struct {
	folders []folder
	names   []string // of the first entries, for words
	objects int      // objects among the entries
	odd     []Entry
	skips   []*ingest.SkipError
	more    bool // there are more entries than were looked at
	none    bool // not one entry, and no error
	err     error
}

// listFolder lists a single level.
func (l *lister) listFolder(ctx context.Context, f folder, limit int) folderEntries {
	var out folderEntries
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
			out.addFolder(l, f, strings.TrimSuffix(name, "/"))
		default:
			out.objects++
		}
	}
	out.none = n == 0 && len(out.skips) == 0
	return out
}

// addFolder sorts one folder in.
func (out *folderEntries) addFolder(l *lister, f folder, name string) {
	c, reason := f.childFolder(name)
	if reason == "" && c.level == levelAccount && !l.wantsAccount(c) {
		l.markLayout()
		reason = excludedAccountFilter
	}
	if reason != "" {
		l.addExcludedFolder(reason)
		return
	}
	out.folders = append(out.folders, c)
}

// searchLayout finds the accounts and organizations below a start that is above
// them, breadth first. Its result does not depend on how fast answers come.
func (l *lister) searchLayout(ctx context.Context, start folder) ([]folder, error) {
	var found []folder
	level, budget := []folder{start}, searchFolders
	for depth := 0; len(level) > 0; depth++ {
		var cut *ingest.SkipError
		if level, budget, cut = l.searchLevel(level, depth, budget); cut != nil && !l.sendSkip(cut) {
			return nil, ctx.Err()
		}
		var next []folder
		for i, got := range l.listAll(ctx, level) {
			if err := l.enqueueFound(got, depth == 0, level[i]); err != nil {
				return nil, err
			}
			for _, c := range got.folders {
				if c.level == levelAbove || c.level == levelLogs {
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

// searchLevel cuts a level to what the search may still list. Folders named AWSLogs
// are always listed.
func (l *lister) searchLevel(level []folder, depth, budget int) ([]folder, int, *ingest.SkipError) {
	slices.SortStableFunc(level, func(a, b folder) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.prefix, b.prefix))
	})
	for i, f := range level {
		if f.level != levelAbove {
			continue
		}
		if depth <= searchDepth && budget > 0 {
			budget--
			continue
		}
		for range level[i:] {
			l.addExcludedFolder(excludedNotSearched)
		}
		return level[:i], budget, &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(f.prefix),
			Err: fmt.Errorf("the search for AWSLogs folders ended at its bound of %d folders and %d levels, with %d folders from here on not searched: name a prefix nearer to AWSLogs",
				searchFolders, searchDepth, len(level)-i)}
	}
	return level, budget, nil
}

// listAll lists folders in parallel; its answers stand in their order.
func (l *lister) listAll(ctx context.Context, level []folder) []folderEntries {
	out := make([]folderEntries, len(level))
	var wg sync.WaitGroup
	slots := make(chan struct{}, l.parallel)
	for i := range level {
		slots <- struct{}{}
		wg.Go(func() {
			out[i] = l.listFolder(ctx, level[i], searchEntries)
			<-slots
		})
	}
	wg.Wait()
	return out
}

// enqueueFound counts what a search met in one folder. An error at the start ends
// the run: there is nothing else to read.
func (l *lister) enqueueFound(got folderEntries, start bool, f folder) error {
	if got.err != nil {
		return got.err
	}
	if start {
		l.namesAtStart = got.names
		if len(got.skips) > 0 {
			return startError(got.skips[0])
		}
	}
	if got.more {
		got.skips = append(got.skips, &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(f.prefix),
			Err: fmt.Errorf("only the first %d entries were looked at in the search for AWSLogs folders", searchEntries)})
	}
	l.addExcluded(Other.String(), got.objects)
	for range got.odd {
		l.addExcludedFolder(excludedIrregular)
	}
	for _, skip := range got.skips {
		if !l.sendSkip(skip) {
			return context.Canceled
		}
	}
	return nil
}

// startError turns the skip of a place into the error of the run.
func startError(skip *ingest.SkipError) error {
	return fmt.Errorf("list %q: %w", skip.Origin, skip.Err)
}
