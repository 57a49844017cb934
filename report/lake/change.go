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

// intent is what a run says before it adds its first file, so that whoever
// comes after it can take away what it left if it did not commit.
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

// WriteIntent writes into the state which files of the lake the run is about to
// add for the generation. It comes before the first of them.
func WriteIntent(ctx context.Context, state Store, generation int64, run string, add []string) error {
	data, err := json.Marshal(intent{1, generation, run, add})
	if err != nil {
		return fmt.Errorf("announce generation %d: %w", generation, err)
	}
	if _, err := state.Put(ctx, intentKey(generation, run), append(data, '\n'), Absent()); err != nil {
		return fmt.Errorf("announce generation %d: %w", generation, err)
	}
	return nil
}

// ClearIntent takes back what was announced: once the generation is committed,
// nothing but the announcement; before, the files as well.
func ClearIntent(ctx context.Context, state, lake Store, generation int64, run string, add []string, committed bool) error {
	if !committed {
		for _, key := range add {
			if err := lake.Delete(ctx, key); err != nil {
				return fmt.Errorf("take back %q: %w", lake.Name(key), err)
			}
		}
	}
	if err := state.Delete(ctx, intentKey(generation, run)); err != nil {
		return fmt.Errorf("settle generation %d: %w", generation, err)
	}
	return nil
}

// Recover brings lake and state in order after runs that died: files that a
// run announced and did not commit are removed, and so are the files that the
// committed generation has replaced. It gives the keys of the files that it
// took back, though some of them may never have been written. It is for the
// holder of the lock.
func Recover(ctx context.Context, state, lake Store, now Snapshot, replaced []string) (taken []string, err error) {
	var found []string
	for item, err := range state.List(ctx, intentPrefix, "") {
		if err != nil {
			return nil, fmt.Errorf("look for what an earlier run left: %w", err)
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
				return nil, &BrokenError{IntentFile, fmt.Errorf("read %q: it is damaged: %q is no file of its run", state.Name(key), file)}
			}
		}
		taken = in.Add
	}
	return taken, ClearIntent(ctx, state, lake, in.Generation, in.Run, in.Add, committed)
}

// isCommitted tells whether the generation that an intent was for is that run's.
// Where it cannot be known, since the generation's file is damaged or gone, the
// files stay: rows are looked up by their ids in any case.
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

// intentFromName finds by its name alone what a damaged intent was about: the files
// in the lake that bear its generation and run.
func intentFromName(ctx context.Context, lake Store, key string) (intent, error) {
	name, isIntent := strings.CutSuffix(strings.TrimPrefix(key, intentPrefix), ".json")
	number, run, cut := strings.Cut(name, "-")
	generation, err := strconv.ParseInt(number, 10, 64)
	if !isIntent || !cut || err != nil || intentKey(generation, run) != key {
		return intent{}, errors.New("its name is not one of an announcement either")
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

// Remove removes files of a lake whose rows other files hold. Those that are
// gone already are no error.
func Remove(ctx context.Context, lake Store, keys []string) error {
	for _, key := range keys {
		if err := lake.Delete(ctx, key); err != nil {
			return fmt.Errorf("remove replaced file %q: %w", lake.Name(key), err)
		}
	}
	return nil
}

// LakeInfo is the mark of a lake: what it is, how it is divided, and which job
// fills it. It is the file lake.json in the Metadata folder.
type LakeInfo struct {
	Version     int      `json:"trailgate_lake"` // 1
	Job         string   `json:"job"`            // id of the job, as its state has it
	PartitionBy []string `json:"partition_by"`   // event_date, and account_id where it is divided by that
	State       string   `json:"state"`          // where the job's state was, for people
}

const infoKey = Metadata + "/lake.json"

// ReadInfo reads the mark of a lake. A lake without one gives the zero Mark.
func ReadInfo(ctx context.Context, lake Store) (LakeInfo, Tag, error) {
	data, tag, err := lake.Get(ctx, infoKey)
	if errors.Is(err, fs.ErrNotExist) {
		return LakeInfo{}, tag, nil
	}
	if err != nil {
		return LakeInfo{}, tag, fmt.Errorf("read mark of the lake: %w", err)
	}
	var m LakeInfo
	if err := json.Unmarshal(data, &m); err != nil || m.Version < 1 || m.Job == "" {
		return LakeInfo{}, tag, &BrokenError{InfoFile, fmt.Errorf("read mark of the lake %q: it is damaged", lake.Name(infoKey))}
	}
	if m.Version > 1 {
		return LakeInfo{}, tag, fmt.Errorf("read mark of the lake %q: version %d is newer than this program's, 1", lake.Name(infoKey), m.Version)
	}
	return m, tag, nil
}

// WriteInfo writes the mark of a lake, if the condition holds.
func WriteInfo(ctx context.Context, lake Store, m LakeInfo, when Condition) error {
	m.Version = 1
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write mark of the lake: %w", err)
	}
	if _, err := lake.Put(ctx, infoKey, append(data, '\n'), when); err != nil {
		return fmt.Errorf("write mark of the lake: %w", err)
	}
	return nil
}
