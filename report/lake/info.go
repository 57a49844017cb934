package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// LakeInfo says how a lake is divided and which job fills it. It is stored in the file
// lake.json in the Metadata folder.
type LakeInfo struct {
	Version     int      `json:"trailgate_lake"` // 1
	Job         string   `json:"job"`            // id of the job; its state has the same id
	PartitionBy []string `json:"partition_by"`   // event_date, and account_id if the lake is divided by account
	State       string   `json:"state"`          // where the state of the job was, for people
}

const infoKey = Metadata + "/lake.json"

// ReadInfo reads what a lake says about itself. If it has no such file, ReadInfo returns
// the zero LakeInfo and no error. Tag is the tag of the file, and is empty without a
// file. A damaged file is a *BrokenError. A version above 1 is another error.
func ReadInfo(ctx context.Context, lake Store) (LakeInfo, Tag, error) {
	data, tag, err := lake.Get(ctx, infoKey)
	if errors.Is(err, fs.ErrNotExist) {
		return LakeInfo{}, tag, nil
	}
	if err != nil {
		return LakeInfo{}, tag, fmt.Errorf("read lake information: %w", err)
	}
	var m LakeInfo
	if err := json.Unmarshal(data, &m); err != nil || m.Version < 1 || m.Job == "" {
		return LakeInfo{}, tag, &BrokenError{InfoFile, fmt.Errorf("read lake information %q: it is damaged", lake.Name(infoKey))}
	}
	if m.Version > 1 {
		return LakeInfo{}, tag, fmt.Errorf("read lake information %q: version %d is newer than this program's, 1", lake.Name(infoKey), m.Version)
	}
	return m, tag, nil
}

// WriteInfo writes what a lake says about itself, with version 1. If the condition does
// not hold, the error is ErrConflict, wrapped.
func WriteInfo(ctx context.Context, lake Store, m LakeInfo, when Condition) error {
	m.Version = 1
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write lake information: %w", err)
	}
	if _, err := lake.Put(ctx, infoKey, append(data, '\n'), when); err != nil {
		return fmt.Errorf("write lake information: %w", err)
	}
	return nil
}
