package batch

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"

	"trailgate/report/lake"
	"trailgate/report/parquet"
	"trailgate/report/row"
)

// encoded is the content of a file of the lake before it is written.
type encoded struct {
	data []byte // nil: no rows make no file
	rows int
}

// encodeRows encodes the rows of one partition as a Parquet file. They must be in order
// of event_time. Without any row, the result has no data. If rows yields an error,
// encodeRows returns it and no file.
func encodeRows[R row.Row](table, version string, rows iter.Seq2[R, error]) (encoded, error) {
	var out encoded
	var broken error
	counted := func(yield func(R) bool) {
		for r, err := range rows {
			if err != nil {
				broken = err
				return
			}
			out.rows++
			if !yield(r) {
				return
			}
		}
	}
	var buf bytes.Buffer
	err := parquet.Write(&buf, counted, parquet.Options{
		Version: version, Bloom: []string{"event_id", "principal"},
		Metadata: map[string]string{"trailgate.version": version, "trailgate.table": table},
	})
	if err = cmp.Or(broken, err); err != nil {
		return encoded{}, err
	}
	if out.rows > 0 {
		out.data = buf.Bytes()
	}
	return out, nil
}

// rowsOf yields the rows of a file of a lake, in their order. An error is the last
// thing yielded. It is a *lake.BrokenError if the file is damaged.
func rowsOf[R row.Row](ctx context.Context, t *lake.Table, f lake.File) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		data, err := t.Read(ctx, f)
		if err != nil {
			yield(none, err)
			return
		}
		for row, err := range parquet.Read[R](bytes.NewReader(data), int64(len(data))) {
			if err != nil {
				yield(none, brokenFile(t, f, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// forEachID calls take with each event id, and each original event id, in a file of a
// lake. It leaves out empty ids. The error is a *lake.BrokenError if the file is
// damaged.
func forEachID(ctx context.Context, t *lake.Table, f lake.File, take func(id string)) error {
	data, err := t.Read(ctx, f)
	if err != nil {
		return err
	}
	for ids, err := range parquet.ReadIDs(bytes.NewReader(data), int64(len(data))) {
		if err != nil {
			return brokenFile(t, f, err)
		}
		for _, id := range ids {
			if id != "" {
				take(id)
			}
		}
	}
	return nil
}

// brokenFile makes the error for a damaged file of the lake, a *lake.BrokenError.
func brokenFile(t *lake.Table, f lake.File, err error) error {
	return &lake.BrokenError{Part: lake.TableFile, Err: fmt.Errorf("read lake file %q: %w", t.Store.Name(f.Key), err)}
}
