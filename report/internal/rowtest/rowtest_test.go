package rowtest_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/internal/rowtest"
	"trailgate/report/row"
)

// Tests compare outputs of several runs, so the rows must be the same each time.
func TestManyIsSortedAndRepeatable(t *testing.T) {
	rows := slices.Collect(rowtest.Many(200, 1))
	if diff := cmp.Diff(rows, slices.Collect(rowtest.Many(200, 1))); diff != "" {
		t.Errorf("the same seed gave other rows:\n%s", diff)
	}
	if !slices.IsSortedFunc(rows, func(a, b row.SignIn) int { return a.EventTime.Compare(b.EventTime) }) {
		t.Error("rows are not sorted by time")
	}
}
