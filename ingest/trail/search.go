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

// The bounds of the search for AWSLogs folders. In a bucket that needs more, a
// search would take too long, and its user knows the prefix.
const (
	searchDepth   = 5      // levels below the start
	searchFolders = 200    // folders listed
	searchEntries = 10_000 // entries of one folder looked at
)

// NoTrailError says that a place has no folder of CloudTrail's layout.
type NoTrailError struct {
	Place string   // the place as a user would type it
	Found []string // the first few names that were found instead
}

// Error names the folder that is missing, and a few names that were found.
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

// folderEntries are the entries of one folder, one level deep, as listFolder found
// them.
type folderEntries struct {
	folders []folder
	names   []string // of the first entries, for a NoTrailError
	objects int      // number of objects among the entries
	odd     []Entry  // entries that can be neither read nor listed
	skips   []*ingest.SkipError
	cut     bool  // there are more entries than the limit
	empty   bool  // neither an entry nor an error
	err     error // ends the run
}

// listFolder lists one level of a folder, up to limit entries; a limit of zero
// means all. Folders that are to be left out are counted as excluded.
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
			out.cut = true
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
	out.empty = n == 0 && len(out.skips) == 0
	return out
}

// addFolder adds a folder within f, by its name. A folder that is to be left out is
// counted as excluded instead: one that cannot hold log files, or an account that
// is not wanted.
func (out *folderEntries) addFolder(l *lister, f folder, name string) {
	c, reason := f.childFolder(name)
	if reason == "" && c.level == levelAccount && !l.wantsAccount(c) {
		l.reportLayout()
		reason = ingest.ReasonAccountFilter
	}
	if reason != "" {
		l.excludeFolder(reason)
		return
	}
	out.folders = append(out.folders, c)
}

// searchAccounts finds the folders of accounts and organizations below a start that
// is above them. It counts what it passes, and sends a skip for what it could not
// list or search. It searches breadth first, so that its result does not depend on
// the order in which answers come.
func (l *lister) searchAccounts(ctx context.Context, start folder) ([]folder, error) {
	var found []folder
	level, budget := []folder{start}, searchFolders
	for depth := 0; len(level) > 0; depth++ {
		var cut *ingest.SkipError
		if level, budget, cut = l.boundSearch(level, depth, budget); cut != nil && !l.sendSkip(cut) {
			return nil, ctx.Err()
		}
		var next []folder
		for i, got := range l.listFolders(ctx, level) {
			if err := l.recordSearched(got, depth == 0, level[i]); err != nil {
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

// boundSearch sorts the folders of a level and returns those that the search may
// still list, with the remaining budget. Folders named AWSLogs come first and are
// always listed. The others are counted as not searched, and the skip that it
// returns says so.
func (l *lister) boundSearch(level []folder, depth, budget int) ([]folder, int, *ingest.SkipError) {
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
			l.excludeFolder(ingest.ReasonNotSearched)
		}
		return level[:i], budget, &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(f.prefix),
			Err: fmt.Errorf("the search for AWSLogs folders ended at its bound of %d folders and %d levels, with %d folders from here on not searched: name a prefix nearer to AWSLogs",
				searchFolders, searchDepth, len(level)-i)}
	}
	return level, budget, nil
}

// listFolders lists folders in parallel, each up to searchEntries entries. The
// answers are in the order of the folders.
func (l *lister) listFolders(ctx context.Context, level []folder) []folderEntries {
	out := make([]folderEntries, len(level))
	var wg sync.WaitGroup
	slots := make(chan struct{}, l.queue.parallel)
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

// recordSearched counts the entries of one folder of the search, and sends its
// skips. An error at the start ends the run, because there is nothing else to list.
// It returns context.Canceled if nobody receives the skips any more.
func (l *lister) recordSearched(got folderEntries, start bool, f folder) error {
	if got.err != nil {
		return got.err
	}
	if start {
		l.found = got.names
		if len(got.skips) > 0 {
			return startError(got.skips[0])
		}
	}
	if got.cut {
		got.skips = append(got.skips, &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(f.prefix),
			Err: fmt.Errorf("only the first %d entries were looked at in the search for AWSLogs folders", searchEntries)})
	}
	l.excludeObjects(Other.String(), got.objects)
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

// startError turns a skip at the start into the error that ends the run. It wraps
// the reason of the skip.
func startError(skip *ingest.SkipError) error {
	return fmt.Errorf("list %q: %w", skip.Origin, skip.Err)
}
