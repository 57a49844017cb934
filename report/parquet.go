package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"trailgate/report/parquet"
	"trailgate/report/row"
)

// writeParquet writes the table of Options.Rows as a Parquet file. Sign-ins and
// findings have to be sorted by time; see parquet.Write. Another kind is an error.
func writeParquet(w io.Writer, r Report, o Options) error {
	options := parquet.Options{Version: r.Summary.Version, Metadata: fileMetadata(r, o.Rows)}
	switch o.Rows {
	case row.SignIns:
		return parquet.Write(w, r.SignIns, options)
	case row.Findings:
		return parquet.Write(w, r.Findings, options)
	case row.Endpoints:
		return parquet.Write(w, slices.Values(r.Endpoints), options)
	case row.Principals:
		return parquet.Write(w, slices.Values(r.Principals), options)
	case row.Coverages:
		return parquet.Write(w, slices.Values(r.Coverage.Places), options)
	}
	return fmt.Errorf("write parquet: rows %q: no such table", string(o.Rows))
}

// fileMetadata returns the key-value metadata of the file. With it, somebody who finds
// the file can tell which version wrote it. For a table of sign-ins or what is made
// from them, it also says whether the run was complete, and its window.
func fileMetadata(r Report, k row.Kind) map[string]string {
	m := map[string]string{"trailgate.version": r.Summary.Version}
	if k == row.Coverages {
		return m
	}
	m["trailgate.complete"] = fmt.Sprint(r.Coverage.Complete)
	m["trailgate.objects_skipped"] = fmt.Sprint(r.Coverage.Objects.Skipped)
	m["trailgate.records_skipped"] = fmt.Sprint(r.Coverage.Records.Skipped)
	for name, t := range map[string]time.Time{"since": r.Summary.Since, "until": r.Summary.Until} {
		if !t.IsZero() {
			m["trailgate."+name] = t.Format(time.RFC3339)
		}
	}
	return m
}
