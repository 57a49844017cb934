package ingest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/record"
)

// lines are the skips of a coverage as text.
func lines(c ingest.Coverage) []string {
	var out []string
	for _, s := range c.Skips {
		out = append(out, fmt.Sprint(s.Origin, " ", s.Cause, " ", s.Record, " ", s.Err))
	}
	return out
}

// mergeSkips merges sources that give these skips in this order.
func mergeSkips(t *testing.T, parts ...[]error) ingest.Coverage {
	t.Helper()
	var sources []ingest.Source
	for _, errs := range parts {
		sources = append(sources, source{errs: errs, cov: ingest.Coverage{Listed: len(errs)}})
	}
	m, err := ingest.Merge(t.Context(), ingest.Window{}, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Coverage
}

func TestSkipsBeyondTheLimit(t *testing.T) {
	const n = 3*ingest.MaxListedSkips + 7
	all := make([]error, n)
	for i := range all {
		all[i] = &ingest.SkipError{Cause: ingest.CauseEmpty, Origin: fmt.Sprintf("f%06d", i), Err: errors.New("empty")}
	}
	want := mergeSkips(t, all)
	if len(want.Skips) != ingest.MaxListedSkips || want.Unlisted != n-ingest.MaxListedSkips || want.Skips[ingest.MaxListedSkips-1].Origin != "f009999" {
		t.Fatalf("%d listed, %d not, the last %q", len(want.Skips), want.Unlisted, want.Skips[len(want.Skips)-1].Origin)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2 {
		rnd.Shuffle(n, func(i, k int) { all[i], all[k] = all[k], all[i] })
		for name, got := range map[string]ingest.Coverage{
			"one source": mergeSkips(t, all), "two sources": mergeSkips(t, all[:ingest.MaxListedSkips/2], all[ingest.MaxListedSkips/2:]),
		} {
			if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
				t.Fatalf("%s: the order of arrival mattered:\n%.2000s", name, diff)
			}
			if got.Unlisted != want.Unlisted || ingest.Total(got.Skipped) != n {
				t.Fatalf("%s: %d not listed, %d skipped", name, got.Unlisted, ingest.Total(got.Skipped))
			}
		}
	}
}

// TestSkipsAreBounded checks the number of skips that are held before Add.
func TestSkipsAreBounded(t *testing.T) {
	var c ingest.Coverage
	for i := range 5 * ingest.MaxListedSkips {
		c.Skip(&ingest.SkipError{Cause: ingest.CauseEmpty, Origin: fmt.Sprint(i), Err: errors.New("empty")})
		if len(c.Skips)+c.Unlisted != i+1 || len(c.Skips) > 2*ingest.MaxListedSkips {
			t.Fatalf("%d named and %d not, of %d", len(c.Skips), c.Unlisted, i+1)
		}
	}
}

func TestSkipsOfOneFile(t *testing.T) {
	at := func(offset int64) error {
		return ingest.Skip("a", &record.Error{Kind: record.NoID, Offset: offset, Err: errors.New("no id")})
	}
	want := []string{"a no-event-id true no id at byte 805", "a no-event-id true no id at byte 1580", "a no-event-id true no id at byte 2368"}
	if diff := cmp.Diff(want, lines(mergeSkips(t, []error{at(1580), at(2368), at(805)}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
