package lookup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trailgate/fixtures/cloudtrail"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
)

// TestResume interrupts a run several times, in two ways. In the end every sign-in must be
// there. Only the pages that were on their way may be requested twice.
func TestResume(t *testing.T) {
	for _, c := range []struct {
		name   string
		cancel bool // cancel the context instead of leaving the iteration
	}{{"interrupted", true}, {"left", false}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := clockFrom(today())
				server := &cloudtrail.Server{Clock: now}
				want := slices.Concat(addSignIns(server, ownAccount, "us-east-1", 730), addSignIns(server, ownAccount, "eu-north-1", 420), addSignIns(server, otherAccount, "us-west-2", 90))
				path := filepath.Join(t.TempDir(), "state")
				open := func() *lookup.Source {
					return &lookup.Source{Accounts: []lookup.Account{accountWithRole(server, ownAccount), accountWithRole(server, otherAccount)}, Now: now, ResumeFile: path, Asked: "90d"}
				}
				for stop := 60; stop < 1100; stop += 140 {
					ctx, cancel := context.WithCancel(t.Context())
					got := readAll(ctx, open(), ingest.Window{}, func(n int) bool {
						if n == stop && c.cancel {
							cancel()
						}
						return n == stop && !c.cancel
					})
					cancel()
					checkCoverage(t, got)
					if !got.cov.Partial || c.cancel != errors.Is(got.err, context.Canceled) {
						t.Fatalf("stopped at %d: ended with %v, partial %v", stop, got.err, got.cov.Partial)
					}
				}
				got := readAll(t.Context(), open(), ingest.Window{}, nil)
				wantIDs(t, want, got.ids)
				checkCoverage(t, got)
				if n := server.Counts(); got.err != nil || n.Repeats > 8*3 {
					t.Errorf("ended with %v, %d pages were read twice in 8 interruptions of 3 Regions", got.err, n.Repeats)
				}
				// A complete file is read again without a request, until it is removed.
				before := server.Counts().Pages
				src := open()
				again := readAll(t.Context(), src, ingest.Window{}, nil)
				wantIDs(t, want, again.ids)
				if n := server.Counts().Pages - before; n != 0 {
					t.Errorf("a complete run asked for %d further pages", n)
				}
				if err := src.Forget(); err != nil {
					t.Error(err)
				}
				if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v %v", left, err)
				}
			})
		})
	}
}

// TestResumeWindow checks that a window is fixed by the clock of the first run.
func TestResumeWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now}
		addSignIns(server, ownAccount, "us-east-1", 730)
		path := filepath.Join(t.TempDir(), "state")
		open := func() *lookup.Source {
			return &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now, ResumeFile: path, Asked: "2d"}
		}
		w := func() ingest.Window { return ingest.Window{Since: now().Add(-48 * time.Hour)} }
		first, err := open().Bound(w())
		if err != nil {
			t.Fatal(err)
		}
		readAll(t.Context(), open(), first, func(n int) bool { return n > 100 })
		wait := time.NewTimer(time.Hour)
		<-wait.C
		src := open()
		second, err := src.Bound(w())
		if err != nil || !second.Since.Equal(first.Since) {
			t.Errorf("bound from %v, then from %v (%v)", first.Since, second.Since, err)
		}
		if got := readAll(t.Context(), src, second, nil); len(got.ids) != 730 || server.Counts().Requests[cloudtrail.LookupEvents] > 18 {
			t.Errorf("%d sign-ins and %v after %d requests", len(got.ids), got.err, server.Counts().Requests[cloudtrail.LookupEvents])
		}
	})
}

func TestResumeRefuses(t *testing.T) {
	dir := t.TempDir()
	now := clockFrom(today())
	server := &cloudtrail.Server{}
	addSignIns(server, ownAccount, "us-east-1", 60)
	addSignIns(server, otherAccount, "us-east-1", 60)
	base := func() *lookup.Source {
		return &lookup.Source{Accounts: []lookup.Account{accountWithRole(server, ownAccount)}, Now: now, ResumeFile: filepath.Join(dir, "state"), Asked: "90d"}
	}
	if got := readAll(t.Context(), base(), ingest.Window{}, nil); got.err != nil {
		t.Fatal(got.err)
	}
	for name, body := range map[string]string{"foreign": `{"hello":1}`, "text": "no JSON"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied, err := os.ReadFile(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	title := `{"pages":"0123"}`
	mixed := fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE([]byte(title)), title)
	for name, pages := range map[string]string{"mixed": mixed, "empty": ""} {
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), copied, 0o600), os.WriteFile(filepath.Join(dir, name+".pages"), []byte(pages), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	precious := filepath.Join(dir, "precious.pages")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "alone"), copied, 0o600), os.WriteFile(precious, []byte("precious\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*lookup.Source)
		says   string
	}{
		{"another window", func(s *lookup.Source) { s.Asked = "80d" }, `the window "90d", not "80d"`},
		{"a window with ends", func(s *lookup.Source) { s.Asked = "3d to" }, `not from "3d" to now`},
		{"a window without", func(s *lookup.Source) { s.Asked = "to" }, `not from the beginning to now`},
		{"pages away", func(s *lookup.Source) { s.ResumeFile = filepath.Join(dir, "alone") }, "alone.pages is missing"},
		{"foreign pages", func(s *lookup.Source) { s.ResumeFile = filepath.Join(dir, "precious") }, "precious.pages is in its place"},
		{"no folder", func(s *lookup.Source) { s.ResumeFile = filepath.Join(dir, "nowhere", "state") }, "nowhere: no such file"},
		{"other Regions", func(s *lookup.Source) { s.Regions = []string{"us-east-1"} }, "the Regions named [], not [us-east-1]"},
		{"another account", func(s *lookup.Source) { s.Accounts = []lookup.Account{accountWithRole(server, otherAccount)} }, "the accounts [111122223333], not [444455556666]"},
		{"cut", func(s *lookup.Source) { s.Clamp = true }, "cutting the window"},
		{"a foreign file", func(s *lookup.Source) { s.ResumeFile = filepath.Join(dir, "foreign") }, "it is not a resume file"},
		{"no JSON", func(s *lookup.Source) { s.ResumeFile = filepath.Join(dir, "text") }, "it is not a resume file"},
		{"pages of another run", func(s *lookup.Source) { s.ResumeFile = filepath.Join(dir, "mixed") }, "mixed.pages is not of the same run"},
		{"pages lost", func(s *lookup.Source) { s.ResumeFile = filepath.Join(dir, "empty") }, "empty.pages is not of the same run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := base()
			c.change(src)
			before := server.Counts().Pages
			got := readAll(t.Context(), src, ingest.Window{}, nil)
			var resume *lookup.ResumeError
			if !errors.As(got.err, &resume) || !strings.Contains(got.err.Error(), c.says) || len(got.ids) > 0 {
				t.Errorf("%d sign-ins, ended with %v; want a ResumeError with %q", len(got.ids), got.err, c.says)
			}
			if n := server.Counts().Pages - before; n > 0 {
				t.Errorf("%d pages were asked for", n)
			}
		})
	}
	if b, err := os.ReadFile(precious); err != nil || string(b) != "precious\n" {
		t.Errorf("foreign pages are now %q (%v)", b, err)
	}
}

// TestResumeLeftover begins with pages but without FILE, as after a crash. The pages have a
// title, or nothing.
func TestResumeLeftover(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	open, want, pages := writeResumeFile(t, path)
	for _, left := range [][]byte{nil, pages[:bytes.IndexByte(pages, '\n')+1], pages} {
		if err := errors.Join(os.Remove(path), os.WriteFile(path+".pages", left, 0o600)); err != nil {
			t.Fatal(err)
		}
		got := readAll(t.Context(), open(), ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if got.err != nil {
			t.Errorf("%d bytes left: ended with %v", len(left), got.err)
		}
	}
}

// writeResumeFile writes a complete resume file of a server with 100 sign-ins.
func writeResumeFile(t testing.TB, path string) (open func() *lookup.Source, want []string, pages []byte) {
	t.Helper()
	now := clockFrom(today())
	server := &cloudtrail.Server{}
	want = addSignIns(server, ownAccount, "us-east-1", 100)
	open = func() *lookup.Source {
		return &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now, ResumeFile: path, Asked: "90d"}
	}
	if got := readAll(context.Background(), open(), ingest.Window{}, nil); got.err != nil {
		t.Fatal(got.err)
	}
	pages, err := os.ReadFile(path + ".pages")
	if err != nil {
		t.Fatal(err)
	}
	return open, want, pages
}

// TestTornPages cuts the pages off at each end of a line and near it, as a crash may.
func TestTornPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	open, want, pages := writeResumeFile(t, path)
	var cuts []int
	for at := bytes.IndexByte(pages, '\n') + 1; at < len(pages); at += bytes.IndexByte(pages[at:], '\n') + 1 {
		cuts = append(cuts, at, at+1, at+len(pages[at:])/3, len(pages)-1)
	}
	if len(cuts) < 8 {
		t.Fatalf("only %d places to cut", len(cuts))
	}
	for _, cut := range cuts {
		if err := os.WriteFile(path+".pages", pages[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		got := readAll(t.Context(), open(), ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if got.err != nil {
			t.Errorf("cut at %d of %d: ended with %v", cut, len(pages), got.err)
		}
	}
}

// TestFlippedPages changes single bits. The damaged page and those after it are requested
// again.
func TestFlippedPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	open, want, pages := writeResumeFile(t, path)
	first := bytes.IndexByte(pages, '\n') + 1
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		at, bit := first+random.IntN(len(pages)-first), random.IntN(8)
		flipped := bytes.Clone(pages)
		flipped[at] ^= 1 << bit
		if err := os.WriteFile(path+".pages", flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		got := readAll(t.Context(), open(), ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if got.err != nil {
			t.Errorf("bit %d of byte %d: ended with %v", bit, at, got.err)
		}
	}
}

// FuzzPages puts any bytes after the first line of the pages. They must not stop the run,
// and no sign-in of the server may be lost.
func FuzzPages(f *testing.F) {
	path := filepath.Join(f.TempDir(), "state")
	open, want, pages := writeResumeFile(f, path)
	first := bytes.IndexByte(pages, '\n') + 1
	f.Add(pages[first:])
	f.Add(pages[first : first+500])
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"account":"111122223333","region":"us-east-1","done":true,"events":null}` + "\n"))
	f.Add([]byte(`00000000 {"account":"111122223333","region":"nowhere","done":true,"events":null}` + "\n\n"))
	f.Fuzz(func(t *testing.T, tail []byte) {
		if err := os.WriteFile(path+".pages", append(bytes.Clone(pages[:first]), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		got := readAll(t.Context(), open(), ingest.Window{}, nil)
		if got.err != nil {
			t.Fatalf("ended with %v", got.err)
		}
		wantIDs(t, want, got.ids)
	})
}
