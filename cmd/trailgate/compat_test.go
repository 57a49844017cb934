package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// copyEarlier is the script command earlier FOLDER. It copies the files that commit
// 42315f8 wrote to a folder of the script, so that the script may change them.
func copyEarlier(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[0]), os.DirFS(ts.Getenv("EARLIER"))))
}

// compareRows is the script command samerows FILE FILE KEY... Both files of JSON lines
// must hold the same rows in the same order. The values of the named keys may differ at
// any depth.
func compareRows(ts *testscript.TestScript, _ bool, args []string) {
	got, want := decodeRows(ts, args[0], args[2:]), decodeRows(ts, args[1], args[2:])
	if len(got) != len(want) || len(want) == 0 {
		ts.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			ts.Fatalf("row %d:\nwant %.2000v\n got %.2000v", i+1, want[i], got[i])
		}
	}
}

// decodeRows reads JSON lines and removes keys from them.
func decodeRows(ts *testscript.TestScript, name string, without []string) []map[string]any {
	var rows []map[string]any
	for line := range strings.Lines(ts.ReadFile(name)) {
		var row map[string]any
		ts.Check(json.Unmarshal([]byte(line), &row))
		dropKeys(row, without)
		rows = append(rows, row)
	}
	return rows
}

// dropKeys removes keys from a JSON value at any depth.
func dropKeys(value any, keys []string) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range keys {
			delete(value, key)
		}
		for _, inner := range value {
			dropKeys(inner, keys)
		}
	case []any:
		for _, inner := range value {
			dropKeys(inner, keys)
		}
	}
}
