package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// intent lists the files that a run is going to add. The run writes it before its first
// file. If the run does not commit, the next run can then delete what it left.
type intent struct {
	Version    int      `json:"trailgate_intent"`
	Generation int64    `json:"generation"`
	Run        string   `json:"run"`
	Add        []string `json:"add"`
}

const intentPrefix = "intent-"

func intentKey(generation int64, run string) string {
	return fmt.Sprintf("%s%010d-%s.json", intentPrefix, generation, run)
}

// WriteIntent writes into the state which files of the lake the run is going to add for
// the generation. add has the keys of these files. Call it before the first of them is
// added. If the run has already written another intent for this generation, the error is
// ErrConflict, wrapped.
func WriteIntent(ctx context.Context, state Store, generation int64, run string, add []string) error {
	data, err := json.Marshal(intent{1, generation, run, add})
	if err != nil {
		return fmt.Errorf("write intent of generation %d: %w", generation, err)
	}
	if _, err := state.Put(ctx, intentKey(generation, run), append(data, '\n'), Absent()); err != nil {
		return fmt.Errorf("write intent of generation %d: %w", generation, err)
	}
	return nil
}

// ClearIntent deletes the intent of a run from the state. If committed is false, it first
// deletes the files with the keys in add from the lake. If it cannot delete one, it keeps
// the intent.
func ClearIntent(ctx context.Context, state, lake Store, generation int64, run string, add []string, committed bool) error {
	if !committed {
		for _, key := range add {
			if err := lake.Delete(ctx, key); err != nil {
				return fmt.Errorf("delete uncommitted file %q: %w", lake.Name(key), err)
			}
		}
	}
	if err := state.Delete(ctx, intentKey(generation, run)); err != nil {
		return fmt.Errorf("clear intent of generation %d: %w", generation, err)
	}
	return nil
}

// Recover cleans up after runs that crashed. now is the current state. Recover deletes
// every intent, the files of runs that did not commit, and the files in replaced, which
// the committed generation has replaced. Only the holder of the lock may call it.
//
// It returns the keys of the files of runs that did not commit. Some of them may never
// have been written. If an intent is damaged, Recover finds its files by their names. If
// that is not possible, the error is *BrokenError.
func Recover(ctx context.Context, state, lake Store, now Snapshot, replaced []string) (taken []string, err error) {
	var found []string
	for item, err := range state.List(ctx, intentPrefix, "") {
		if err != nil {
			return nil, fmt.Errorf("list intents of earlier runs: %w", err)
		}
		found = append(found, item.Key)
	}
	for _, key := range found {
		keys, err := recoverRun(ctx, state, lake, key, now)
		taken = append(taken, keys...)
		if err != nil {
			return taken, err
		}
	}
	return taken, Remove(ctx, lake, replaced)
}

func recoverRun(ctx context.Context, state, lake Store, key string, now Snapshot) (taken []string, err error) {
	data, _, err := state.Get(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", state.Name(key), err)
	}
	var in intent
	if err := json.Unmarshal(data, &in); err != nil || key != intentKey(in.Generation, in.Run) {
		if in, err = intentFromName(ctx, lake, key); err != nil {
			return nil, &BrokenError{IntentFile, fmt.Errorf("read %q: it is damaged: %w", state.Name(key), err)}
		}
	}
	committed, err := isCommitted(ctx, state, in, now)
	if err != nil {
		return nil, err
	}
	if !committed {
		for _, file := range in.Add {
			if !strings.HasSuffix(file, fileName(in.Generation, in.Run)) {
				return nil, &BrokenError{IntentFile, fmt.Errorf("read %q: it is damaged: %q is not a file of its run", state.Name(key), file)}
			}
		}
		taken = in.Add
	}
	return taken, ClearIntent(ctx, state, lake, in.Generation, in.Run, in.Add, committed)
}

// isCommitted reports whether the run of an intent has committed its generation. If the
// file of the generation is damaged or gone, nobody can know, and isCommitted reports
// true. The files then stay. That is safe, because later runs look up rows by their ids
// and do not add them twice.
func isCommitted(ctx context.Context, state Store, in intent, now Snapshot) (bool, error) {
	switch {
	case in.Generation > now.Number:
		return false, nil
	case in.Generation == now.From:
		return in.Run == now.Run, nil
	}
	data, _, err := state.Get(ctx, generationName(in.Generation))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read generation %d: %w", in.Generation, err)
	}
	h, _, err := decodeGeneration(data, in.Generation)
	return err != nil || h.Run == in.Run, nil
}

// intentFromName rebuilds a damaged intent from its key. The key has the generation and
// the run, and so have the names of the files in the lake. It lists the whole lake to
// find them. A key that is not that of an intent is an error.
func intentFromName(ctx context.Context, lake Store, key string) (intent, error) {
	name, isIntent := strings.CutSuffix(strings.TrimPrefix(key, intentPrefix), ".json")
	number, run, cut := strings.Cut(name, "-")
	generation, err := strconv.ParseInt(number, 10, 64)
	if !isIntent || !cut || err != nil || intentKey(generation, run) != key {
		return intent{}, errors.New("its name is not the name of an intent")
	}
	in := intent{Generation: generation, Run: run}
	for item, err := range lake.List(ctx, "", "") {
		if err != nil {
			return in, err
		}
		if strings.HasSuffix(item.Key, fileName(generation, run)) {
			in.Add = append(in.Add, item.Key)
		}
	}
	return in, nil
}

// Remove deletes files of a lake whose rows are now in other files. It is not an error if
// a file no longer exists.
func Remove(ctx context.Context, lake Store, keys []string) error {
	for _, key := range keys {
		if err := lake.Delete(ctx, key); err != nil {
			return fmt.Errorf("remove replaced file %q: %w", lake.Name(key), err)
		}
	}
	return nil
}
