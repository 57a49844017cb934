package parquet_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"trailgate/fixtures/suite"
	"trailgate/report/internal/rowtest"
	"trailgate/report/parquet"
	"trailgate/report/row"
)

func parquetFile[R row.Row](t *testing.T, rows []R, o parquet.Options) (*pq.File, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, slices.Values(rows), o); err != nil {
		t.Fatal(err)
	}
	f, err := pq.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f, b.Bytes()
}

func readBack[R row.Row](t *testing.T, file []byte) []R {
	t.Helper()
	r := pq.NewGenericReader[R](bytes.NewReader(file))
	defer r.Close()
	all := make([]R, r.NumRows())
	if n, err := r.Read(all); n != len(all) || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d rows: %v", n, len(all), err)
	}
	return all
}

func roundTrip[R row.Row](t *testing.T, rows []R) {
	t.Helper()
	_, file := parquetFile(t, rows, parquet.Options{})
	if diff := cmp.Diff(rows, readBack[R](t, file), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestParquetRows(t *testing.T) {
	h := rowtest.Hostile()
	h.UserAgent = strings.ToValidUTF8(h.UserAgent, "\ufffd")
	roundTrip(t, []row.SignIn{rowtest.Full(), h, rowtest.Minimal()})
	plain := rowtest.Finding()
	plain.Surprise, plain.Expected = nil, nil
	roundTrip(t, []row.Finding{rowtest.Finding(), plain})
	roundTrip(t, rowtest.Endpoints())
	roundTrip(t, rowtest.Principals(3))
	roundTrip(t, rowtest.Coverages())
}

const wantSchema = `message SignIn {
	required int64 event_time (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS));
	required binary event_id (STRING);
	optional binary original_event_id (STRING);
	optional binary account_id (STRING);
	optional binary recorded_region (STRING);
	optional binary partition (STRING);
	required binary scope (STRING);
	optional binary endpoint (STRING);
	required binary basis (STRING);
	required binary confidence (STRING);
	required group notes (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	optional binary signin_host (STRING);
	optional binary identity_type (STRING);
	required binary principal (STRING);
	optional binary principal_arn (STRING);
	optional binary user_name (STRING);
	optional binary role_name (STRING);
	optional binary session_name (STRING);
	required binary outcome (STRING);
	optional binary error_code (STRING);
	optional binary error_message (STRING);
	required binary mfa (STRING);
	optional binary source_ip (STRING);
	optional binary user_agent (STRING);
	optional binary login_to (STRING);
	optional binary saml_provider_arn (STRING);
	optional binary vpc_endpoint_id (STRING);
	optional binary tls_version (STRING);
	optional binary tls_cipher (STRING);
	optional binary event_version (STRING);
	optional boolean mobile;
	required binary carrier (STRING);
	optional binary origin (STRING);
	required int32 event_date (DATE);
}`

func TestParquetSchema(t *testing.T) {
	f, _ := parquetFile(t, []row.SignIn{rowtest.Full()}, parquet.Options{})
	if diff := cmp.Diff(wantSchema, f.Schema().String()); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
	// The file has the columns that row.Columns returns, in that order.
	for _, c := range []struct {
		kind   row.Kind
		schema *pq.Schema
	}{
		{row.Findings, pq.SchemaOf(row.Finding{})}, {row.Endpoints, pq.SchemaOf(row.Endpoint{})},
		{row.Principals, pq.SchemaOf(row.Principal{})}, {row.Coverages, pq.SchemaOf(row.Coverage{})},
	} {
		var names []string
		for _, field := range c.schema.Fields() {
			names = append(names, field.Name())
		}
		var want []string
		for i, col := range row.Columns(c.kind) {
			want = append(want, col.Name)
			if got := c.schema.Fields()[i].Optional(); got != col.Nullable {
				t.Errorf("%s.%s: optional %v, column says %v", c.kind, col.Name, got, col.Nullable)
			}
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s (-columns +schema):\n%s", c.kind, diff)
		}
	}
}

// TestParquetNulls proves that exactly the absent values are null, in runs of all lengths.
// An empty text that is a part of another text counts as absent too.
func TestParquetNulls(t *testing.T) {
	type nullable struct {
		AccountID *string    `parquet:"account_id,optional"`
		Region    *string    `parquet:"region,optional"`
		FirstDay  *int32     `parquet:"first_day,optional,date"`
		Endpoint  *string    `parquet:"endpoint,optional"`
		First     *time.Time `parquet:"first,optional,timestamp(millisecond)"`
		Mobile    *bool      `parquet:"mobile,optional"`
		Surprise  *float64   `parquet:"surprise,optional"`
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 30 {
		// Runs of equal values: short ones, a long one, and random ones.
		var there []bool
		for has, run := round%2 == 0, 0; len(there) < 150; has, run = !has, run+1 {
			n := 1 + round/2
			if round%3 == 0 {
				n = 1 + rng.IntN(n)
			} else if run == 2 {
				n = 150
			}
			there = append(there, slices.Repeat([]bool{has}, n)...)
		}
		text := func(has bool) string {
			if has {
				return rowtest.Full().AccountID
			}
			return rowtest.Full().AccountID[3:3]
		}
		var findings []row.Finding
		var ends []row.Endpoint
		var places []row.Coverage
		for _, has := range there {
			f := row.Finding{SignIn: row.SignIn{EventTime: rowtest.Minimal().EventTime, AccountID: text(has), Endpoint: text(has)}}
			e, p := row.Endpoint{Endpoint: text(has)}, row.Coverage{AccountID: text(has), Region: text(has)}
			if has {
				f.Mobile, f.Surprise, e.First, p.FirstDay = rowtest.Pointer(false), rowtest.Pointer(0.0), rowtest.Full().EventTime, rowtest.Full().EventDate
			}
			findings, ends, places = append(findings, f), append(ends, e), append(places, p)
		}
		_, one := parquetFile(t, findings, parquet.Options{})
		_, two := parquetFile(t, ends, parquet.Options{})
		_, three := parquetFile(t, places, parquet.Options{})
		for _, file := range [][]byte{one, two, three} {
			rows, err := pq.Read[nullable](bytes.NewReader(file), int64(len(file)))
			if err != nil || len(rows) != len(there) {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			for i, r := range rows {
				got := r.AccountID != nil || r.Endpoint != nil
				if got != there[i] || r.Region != nil && !got || (r.FirstDay != nil || r.First != nil || r.Mobile != nil) != got ||
					r.Surprise != nil && !got || r.Mobile != nil && (r.Surprise == nil || r.Endpoint == nil || r.AccountID == nil) {
					t.Fatalf("round %d, row %d: there %v, read %+v", round, i, there[i], r)
				}
			}
		}
	}
}

func TestParquetFile(t *testing.T) {
	o := parquet.Options{Version: "v0.1.0", RowGroup: 400, Metadata: map[string]string{
		"trailgate.since": "2026-03-01T00:00:00Z", "trailgate.version": "v0.1.0", "broken": "\xff"}}
	f, file := parquetFile(t, slices.Collect(rowtest.Many(1000, 3)), o)
	for key, want := range map[string]string{"trailgate.since": "2026-03-01T00:00:00Z", "broken": "\ufffd"} {
		if got, ok := f.Lookup(key); !ok || got != want {
			t.Errorf("metadata %q: %q, %v", key, got, ok)
		}
	}
	m := f.Metadata()
	if !strings.HasPrefix(m.CreatedBy, "trailgate version v0.1.0") {
		t.Errorf("created by %q", m.CreatedBy)
	}
	var sizes []int64
	for _, g := range m.RowGroups {
		sizes = append(sizes, g.NumRows)
		if len(g.SortingColumns) != 1 || g.SortingColumns[0].ColumnIdx != 0 || g.SortingColumns[0].Descending {
			t.Errorf("sorting columns %+v", g.SortingColumns)
		}
		for _, c := range g.Columns {
			if c.MetaData.Codec != format.Zstd {
				t.Errorf("%v: codec %v", c.MetaData.PathInSchema, c.MetaData.Codec)
			}
		}
		if s := g.Columns[0].MetaData.Statistics; len(s.MinValue) != 8 || len(s.MaxValue) != 8 {
			t.Errorf("event_time has no statistics: %+v", s)
		}
	}
	if diff := cmp.Diff([]int64{400, 400, 200}, sizes); diff != "" {
		t.Errorf("row groups (-want +got):\n%s", diff)
	}
	if _, again := parquetFile(t, slices.Collect(rowtest.Many(1000, 3)), o); !bytes.Equal(file, again) {
		t.Error("a second run gave other bytes")
	}
	i := 0
	got := readBack[row.SignIn](t, file)
	for want := range rowtest.Many(1000, 3) {
		if got[i].EventID != want.EventID || !got[i].EventTime.Equal(want.EventTime) {
			t.Fatalf("row %d is %v", i, got[i])
		}
		if s := got[i].UserAgent; !utf8.ValidString(s) || utf8.ValidString(want.UserAgent) && s != want.UserAgent {
			t.Fatalf("row %d: user agent %q, want %q", i, s, want.UserAgent)
		}
		i++
	}
}

func TestParquetLeavesRowsAlone(t *testing.T) {
	s := rowtest.Full()
	s.Notes = []string{"\xff"}
	var b bytes.Buffer
	if err := parquet.Write(&b, slices.Values([]row.SignIn{s}), parquet.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.Notes[0] != "\xff" {
		t.Errorf("the caller's list now holds %q", s.Notes[0])
	}
}

func TestParquetEmpty(t *testing.T) {
	f, _ := parquetFile[row.Finding](t, nil, parquet.Options{Metadata: map[string]string{"k": "v"}})
	if f.NumRows() != 0 || len(f.Schema().Fields()) != len(row.Columns(row.Findings)) {
		t.Errorf("%d rows, schema %s", f.NumRows(), f.Schema())
	}
	if err := parquet.Write[row.SignIn](io.Discard, nil, parquet.Options{}); err != nil {
		t.Error(err)
	}
}

func TestParquetUnsorted(t *testing.T) {
	late, early := rowtest.Full(), rowtest.Full()
	early.EventTime = early.EventTime.Add(-time.Millisecond)
	err := parquet.Write(io.Discard, slices.Values([]row.SignIn{late, early}), parquet.Options{})
	if err == nil || !strings.Contains(err.Error(), "not sorted") {
		t.Errorf("error %v", err)
	}
}

// highWater counts bytes and sometimes measures how much memory is in use.
type highWater struct {
	written, writes int
	heap            uint64
}

func (h *highWater) Write(p []byte) (int, error) {
	h.written += len(p)
	if h.writes++; h.writes%200 == 0 {
		h.look()
	}
	return len(p), nil
}

func (h *highWater) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	h.heap = max(h.heap, m.HeapAlloc)
}

// TestParquetMemory proves that the memory does not grow with the number of rows. After
// several row groups it is still that of one.
func TestParquetMemory(t *testing.T) {
	group := suite.Size(30_000, 100_000)
	peak := func(n int) uint64 {
		var h highWater
		rows := func(yield func(row.SignIn) bool) {
			i := 0
			for s := range rowtest.Many(n, 9) {
				s.UserAgent = strings.Repeat("x", 100) + s.EventID
				if i++; i%5_000 == 0 {
					h.look()
				}
				if !yield(s) {
					return
				}
			}
		}
		if err := parquet.Write(&h, rows, parquet.Options{RowGroup: group}); err != nil {
			t.Fatal(err)
		}
		return h.heap
	}
	one, three := peak(group), peak(3*group)
	if three > one+one/2+16<<20 {
		t.Errorf("%d rows need %d bytes, three times as many need %d", group, one, three)
	}
	t.Logf("%d rows: %d bytes, three times as many: %d bytes", group, one, three)
}

func TestParquetBloom(t *testing.T) {
	rows := slices.Collect(rowtest.Many(1000, 3))
	for i := range rows {
		rows[i].Principal = "111122223333/user/" + rows[i].EventID
	}
	f, _ := parquetFile(t, rows, lakeOptions())
	wrong, asked := 0, 0
	for g, group := range f.RowGroups() {
		for i, path := range f.Schema().Columns() {
			name := path[0]
			filter := group.ColumnChunks()[i].BloomFilter()
			if want := name == "event_id" || name == "principal"; (filter != nil && filter.Size() > 0) != want {
				t.Errorf("column %s: bloom filter %v, want %v", name, filter != nil, want)
			} else if !want {
				continue
			}
			for k, row := range rows {
				text := map[string]string{"event_id": row.EventID, "principal": row.Principal}[name]
				has, err := filter.Check(pq.ValueOf(text))
				if err != nil {
					t.Fatal(err)
				}
				switch in := k/300 == g; {
				case in && !has:
					t.Fatalf("row group %d: filter on %s says no to %q", g, name, text)
				case !in:
					if asked++; has {
						wrong++
					}
				}
			}
		}
	}
	if asked == 0 || wrong > asked/50 {
		t.Errorf("%d of %d absent values were said to be there", wrong, asked)
	}
	for _, name := range []string{"nothing", "event_time", "notes"} {
		err := parquet.Write(io.Discard, slices.Values(rows), parquet.Options{Bloom: []string{name}})
		if err == nil || !strings.Contains(err.Error(), "no such column of text") {
			t.Errorf("filter on %s: %v", name, err)
		}
	}
}
