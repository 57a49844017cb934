package lookup_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"trailgate/fixtures/cloudtrail"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
)

// TestEarlierResumeFile goes on from the resume file of a run that commit
// 42315f8 made and that was interrupted after four pages.
func TestEarlierResumeFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/written-by-42315f8")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		now := clock(today())
		server := &cloudtrail.Server{Clock: now}
		want := slices.Concat(fill(server, own, "us-east-1", 150), fill(server, own, "eu-north-1", 90))
		source := &lookup.Source{Accounts: []lookup.Account{role(server, own)}, Now: now, ResumeFile: filepath.Join(dir, "state"), Asked: "90d"}
		got := read(t.Context(), source, ingest.Window{}, nil)
		if got.err != nil {
			t.Fatal(got.err)
		}
		wantIDs(t, want, got.ids)
		addsUp(t, got)
		// The Regions have three pages and two.
		if n := server.Counts().Pages; n > 2 {
			t.Errorf("asked for %d pages, want 2 at most: the file has the rest", n)
		}
	})
}
