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

// TestEarlierResumeFile continues from a resume file that commit 42315f8 has written. Its
// run was interrupted after four pages.
func TestEarlierResumeFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/written-by-42315f8")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now}
		want := slices.Concat(addSignIns(server, ownAccount, "us-east-1", 150), addSignIns(server, ownAccount, "eu-north-1", 90))
		source := &lookup.Source{Accounts: []lookup.Account{accountWithRole(server, ownAccount)}, Now: now, ResumeFile: filepath.Join(dir, "state"), Asked: "90d"}
		got := readAll(t.Context(), source, ingest.Window{}, nil)
		if got.err != nil {
			t.Fatal(got.err)
		}
		wantIDs(t, want, got.ids)
		checkCoverage(t, got)
		// The Regions have three pages and two.
		if n := server.Counts().Pages; n > 2 {
			t.Errorf("asked for %d pages, want at most 2: the file has the rest", n)
		}
	})
}
