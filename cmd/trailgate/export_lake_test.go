package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"trailgate/report/lake"
	"trailgate/report/row"
)

// rowsIn gives the rows of a table of a lake as JSON, sorted, one for each row:
// two lakes hold the same if these are equal, however their files are cut.
func rowsIn(t testing.TB, store lake.Store, kind row.Kind) []string {
	t.Helper()
	switch kind {
	case row.SignIns:
		return readAll[row.SignIn](t, store, kind)
	default:
		return readAll[row.Finding](t, store, kind)
	}
}

func readAll[R row.Row](t testing.TB, store lake.Store, kind row.Kind) []string {
	t.Helper()
	table := &lake.Table{Store: store, Name: string(kind)}
	files, err := table.Files(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		for row, err := range rowsOf[R](t.Context(), table, f) {
			if err != nil {
				t.Fatal(err)
			}
			var line bytes.Buffer
			if err := json.NewEncoder(&line).Encode(row); err != nil {
				t.Fatal(err)
			}
			out = append(out, line.String())
		}
	}
	slices.Sort(out)
	return out
}
