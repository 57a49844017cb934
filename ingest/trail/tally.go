package trail

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"trailgate/ingest"
)

// listTally collects the counts of one listing. It is safe for concurrent use.
type listTally struct {
	listed atomic.Int64 // objects and skips sent, or about to be sent
	packed atomic.Int64 // packed bytes of these objects, where the listing gives the size

	mu        sync.Mutex
	coverage  ingest.Coverage   // Excluded, Folders, Shards and Remarks only
	entries   ingest.Checkpoint // new entries, for folders that were listed to their end
	layoutMet bool              // a folder of CloudTrail's layout was met
	skipped   bool              // a skip was sent: a folder could not be listed, or an entry was odd
}

func (t *listTally) excludeObjects(reason string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.coverage.Exclude(reason, n)
}

func (t *listTally) excludeFolder(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.coverage.ExcludeFolder(reason)
}

func (t *listTally) addRemark(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.coverage.Remarks = append(t.coverage.Remarks, text)
}

// addPart adds the counts of one Region.
func (t *listTally) addPart(part ingest.Coverage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.coverage
	for reason, n := range part.Excluded {
		c.Exclude(reason, n)
	}
	c.Remarks = append(c.Remarks, part.Remarks...)
	c.Shards = append(c.Shards, part.Shards...)
}

func (t *listTally) setEntry(folder string, entry json.RawMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries == nil {
		t.entries = ingest.Checkpoint{}
	}
	t.entries[folder] = entry
}

func (t *listTally) markSkipped() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skipped = true
}

func (t *listTally) markLayout() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.layoutMet = true
}

func (t *listTally) hasLayout() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.layoutMet
}

// isTrail reports whether a folder of CloudTrail's layout was met. It is also true if
// something was skipped, because the trail may be in there.
func (t *listTally) isTrail() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.layoutMet || t.skipped
}

// coverageSoFar is the coverage of the listing up to now. It counts nothing as
// read or skipped.
func (t *listTally) coverageSoFar() ingest.Coverage {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out ingest.Coverage
	out.Add(t.coverage)
	slices.SortFunc(out.Remarks, strings.Compare)
	out.Listed = int(t.listed.Load()) + ingest.Total(out.Excluded)
	return out
}

// nextCheckpoint is the checkpoint for the next run. It has the new entries
// only if the run came to its end without an error. It is nil for a run that
// does not keep one.
func (t *listTally) nextCheckpoint(from *ingest.ResumePoint, complete bool) ingest.Checkpoint {
	if from == nil {
		return nil
	}
	out := make(ingest.Checkpoint, len(from.Checkpoint)+len(t.entries))
	maps.Copy(out, from.Checkpoint)
	if complete {
		maps.Copy(out, t.entries)
	}
	return out
}
