package lake_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"trailgate/report/lake"
)

func suiteCreateRace(t *testing.T, s lake.Store) {
	const racers, rounds = 8, 5
	for round := range rounds {
		key := fmt.Sprintf("race/%d", round)
		won := make([]bool, racers)
		var all sync.WaitGroup
		for i := range racers {
			all.Go(func() {
				_, err := s.Put(t.Context(), key, fmt.Appendf(nil, "racer %d", i), lake.Absent())
				if won[i] = err == nil; err != nil && !errors.Is(err, lake.ErrConflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		winner := slices.Index(won, true)
		if winner < 0 || slices.Contains(won[winner+1:], true) {
			t.Fatalf("winners: %v", won)
		}
		wantContent(t, s, key, fmt.Sprintf("racer %d", winner))
	}
}

func suiteCounter(t *testing.T, s lake.Store) {
	const racers, each = 4, 8
	put(t, s, "n/count", "0 start")
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			for done := 0; done < each; {
				data, tag, err := s.Get(t.Context(), "n/count")
				if err != nil {
					t.Error(err)
					return
				}
				var n int
				if _, err := fmt.Sscan(string(data), &n); err != nil {
					t.Errorf("counter reads %q: %v", data, err)
					return
				}
				_, err = s.Put(t.Context(), "n/count", fmt.Appendf(nil, "%d by %d", n+1, i), lake.Matches(tag))
				switch {
				case err == nil:
					done++
				case !errors.Is(err, lake.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	data, _, err := s.Get(t.Context(), "n/count")
	if want := fmt.Sprintf("%d by", racers*each); err != nil || !strings.HasPrefix(string(data), want) {
		t.Errorf("the counter stands at %q (%v), want %q", data, err, want)
	}
}
