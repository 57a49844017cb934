package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pq "github.com/parquet-go/parquet-go"

	"trailgate/report/internal/rowtest"
	"trailgate/report/parquet"
	"trailgate/report/row"
)

// lakeOptions returns the options of the files of a lake.
func lakeOptions() parquet.Options {
	return parquet.Options{Version: "v0.1.0", RowGroup: 300, Bloom: []string{"event_id", "principal"}}
}

func readAll[R row.Row](file []byte) (all []R, err error) {
	for r, failed := range parquet.Read[R](bytes.NewReader(file), int64(len(file))) {
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		all = append(all, r)
	}
	return all, err
}

func readIDs(file []byte) (all [][2]string, err error) {
	for r, failed := range parquet.ReadIDs(bytes.NewReader(file), int64(len(file))) {
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		all = append(all, r)
	}
	return all, err
}

// anything fills every field of a row with an unusual value, or with none.
func anything(rng *rand.Rand, v reflect.Value) {
	parts := []string{"alice", "ボブ", "\x1b[0m", "\u202e", "\xff", "\xc3(", "é", "e\u0301", "\"", "\n", "😀", "\U0010ffff", "\x00", " ", "null", "\ufeff"}
	text := func() string {
		var b strings.Builder
		for range rng.IntN(5) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		if rng.IntN(200) == 0 {
			b.WriteString(strings.Repeat("long ", 2000))
		}
		return b.String()
	}
	for i := range v.NumField() {
		switch p := v.Field(i).Addr().Interface().(type) {
		case *row.SignIn:
			anything(rng, v.Field(i))
		case *string:
			*p = text()
		case *[]string:
			for range rng.IntN(4) {
				*p = append(*p, text())
			}
		case **bool:
			if rng.IntN(3) > 0 {
				*p = rowtest.Pointer(rng.IntN(2) == 0)
			}
		case **float64:
			if rng.IntN(3) > 0 {
				*p = rowtest.Pointer(rng.NormFloat64() * 1e9)
			}
		case *row.Date:
			*p = row.Date(rng.IntN(60_000) - 10_000)
		case *time.Time:
			*p = time.Unix(1_700_000_000, rng.Int64N(1e9)).In(time.FixedZone("", 7200))
		}
	}
}

// asWritten changes a row as writing and reading do: UTC, whole milliseconds, UTF-8.
func asWritten(v reflect.Value) {
	for i := range v.NumField() {
		switch p := v.Field(i).Addr().Interface().(type) {
		case *row.SignIn:
			asWritten(v.Field(i))
		case *string:
			*p = string([]rune(*p))
		case *[]string:
			for k, s := range *p {
				(*p)[k] = string([]rune(s))
			}
		case *time.Time:
			*p = p.UTC().Truncate(time.Millisecond)
		}
	}
}

func TestReadParquetRoundTrip(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 5))
		t.Run(fmt.Sprint("signins ", seed), func(t *testing.T) { sameAgain[row.SignIn](t, rng, int(seed*seed)*50) })
		t.Run(fmt.Sprint("findings ", seed), func(t *testing.T) { sameAgain[row.Finding](t, rng, int(seed*seed)*30) })
	}
}

func sameAgain[R row.SignIn | row.Finding](t *testing.T, rng *rand.Rand, n int) {
	rows := make([]R, n)
	clock := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var wantIDs [][2]string
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		anything(rng, v)
		clock = clock.Add(time.Duration(rng.Int64N(int64(time.Minute))))
		v.FieldByName("EventTime").Set(reflect.ValueOf(clock.In(time.FixedZone("", -3600))))
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, slices.Values(rows), lakeOptions()); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		asWritten(v)
		wantIDs = append(wantIDs, [2]string{v.FieldByName("EventID").String(), v.FieldByName("OriginalEventID").String()})
	}
	got, err := readAll[R](b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b time.Time) bool {
		return a == b // to the location
	})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	ids, err := readIDs(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantIDs, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// TestReadParquetOlder reads files with fewer, more and moved columns.
func TestReadParquetOlder(t *testing.T) {
	type old struct {
		EventDate row.Date  `parquet:"event_date,date"`
		EventID   string    `parquet:"event_id"`
		EventTime time.Time `parquet:"event_time,timestamp(millisecond)"`
		Weather   []string  `parquet:"weather,list"`
		Scope     string    `parquet:"scope,dict"`
		Novelty   *string   `parquet:"novelty,optional"`
	}
	var b bytes.Buffer
	w := pq.NewGenericWriter[old](&b, pq.Compression(&pq.Zstd), pq.DataPageVersion(1))
	moment := time.Date(2026, 3, 1, 10, 0, 0, 250_000_000, time.UTC)
	rows := []old{
		{row.DateOf(moment), "one", moment, []string{"rain", "snow"}, "global", nil},
		{row.DateOf(moment), "two", moment, nil, "regional", rowtest.Pointer("new")},
	}
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := readAll[row.SignIn](b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := []row.SignIn{
		{EventTime: moment, EventID: "one", Scope: "global", EventDate: row.DateOf(moment)},
		{EventTime: moment, EventID: "two", Scope: "regional", EventDate: row.DateOf(moment)},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	ids, err := readIDs(b.Bytes())
	if diff := cmp.Diff([][2]string{{"one"}, {"two"}}, ids); diff != "" || err != nil {
		t.Errorf("%v, ids (-want +got):\n%s", err, diff)
	}
}

// counted counts the bytes that are read.
type counted struct {
	io.ReaderAt
	n int
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.n += n
	return n, err
}

func TestReadIDsIsCheap(t *testing.T) {
	rows := slices.Collect(rowtest.Many(20_000, 3))
	for i := range rows {
		rows[i].Origin = fmt.Sprint("s3://bucket/", i*7919, rows[i].Origin)
		rows[i].UserAgent = fmt.Sprint(i*104729, rows[i].UserAgent)
	}
	_, file := parquetFile(t, rows, parquet.Options{})
	c := counted{ReaderAt: bytes.NewReader(file)}
	n := 0
	for _, err := range parquet.ReadIDs(&c, int64(len(file))) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(rows) || c.n > len(file)/3 {
		t.Errorf("read %d ids and %d bytes of %d", n, c.n, len(file))
	}
}

func TestReadParquetStops(t *testing.T) {
	_, file := parquetFile(t, slices.Collect(rowtest.Many(1000, 3)), lakeOptions())
	n := 0
	for range parquet.Read[row.SignIn](bytes.NewReader(file), int64(len(file))) {
		if n++; n == 10 {
			break
		}
	}
	for range parquet.ReadIDs(bytes.NewReader(file), int64(len(file))) {
		if n++; n == 20 {
			break
		}
	}
	if n != 20 {
		t.Errorf("%d rows", n)
	}
	// A panic of the caller must not become an error of the file.
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("panic %v", p)
		}
	}()
	for range parquet.ReadIDs(bytes.NewReader(file), int64(len(file))) {
		panic("mine")
	}
}

func TestReadParquetEmpty(t *testing.T) {
	_, file := parquetFile[row.Finding](t, nil, lakeOptions())
	if rows, err := readAll[row.Finding](file); len(rows) != 0 || err != nil {
		t.Errorf("%v, %v", rows, err)
	}
	if ids, err := readIDs(file); len(ids) != 0 || err != nil {
		t.Errorf("%v, %v", ids, err)
	}
}

var errGone = errors.New("gone")

// failing is a reader that fails after an offset.
type failing struct {
	io.ReaderAt
	from int64
}

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if at < f.from && at+int64(len(p)) > f.from-50 {
		return 0, errGone
	}
	return f.ReaderAt.ReadAt(p, at)
}

func TestReadParquetErrors(t *testing.T) {
	_, file := parquetFile(t, slices.Collect(rowtest.Many(1000, 3)), lakeOptions())
	_, places := parquetFile(t, rowtest.Coverages(), parquet.Options{})
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":       {nil, "too few for a file"},
		"text":          {[]byte("event_time,event_id,account_id"), "does not end"},
		"head only":     {file[:len(file)/2], "does not end"},
		"tail only":     {file[len(file)/2:], ""},
		"no magic":      {append([]byte("PAR2"), file[4:]...), "magic"},
		"encrypted":     {append(slices.Clone(file[:len(file)-4]), "PARE"...), "does not end"},
		"huge footer":   {append(slices.Clone(file[:len(file)-8]), "\xff\xff\xff\xffPAR1"...), "does not end"},
		"empty footer":  {[]byte("PAR1\x00\x00\x00\x00PAR1"), "malformed"},
		"padded footer": {append(slices.Clone(file[:len(file)-8]), "\x00\x00\x00\x00PAR1"...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if rows, err := readAll[row.SignIn](c.file); err == nil || !strings.Contains(err.Error(), c.want) || len(rows) > 0 {
				t.Errorf("%d rows, error %v", len(rows), err)
			}
			if ids, err := readIDs(c.file); err == nil || !strings.HasPrefix(err.Error(), "read ids of parquet: ") || len(ids) > 0 {
				t.Errorf("%d ids, error %v", len(ids), err)
			}
		})
	}
	if _, err := readIDs(places); err == nil || !strings.Contains(err.Error(), "no column event_id") {
		t.Errorf("ids of another table: %v", err)
	}
	for _, from := range []int64{100, int64(len(file)) / 3, int64(len(file))} {
		f := failing{bytes.NewReader(file), from}
		for _, err := range parquet.Read[row.SignIn](f, int64(len(file))) {
			if err != nil && !errors.Is(err, errGone) {
				t.Errorf("failing before %d: %v", from, err)
			}
		}
	}
}

// TestReadParquetDamaged cuts a file at many places and changes many of its bits. The reader
// must return the same rows or an error, and must not panic.
func TestReadParquetDamaged(t *testing.T) {
	_, file := parquetFile(t, slices.Collect(rowtest.Many(12, 3)), parquet.Options{RowGroup: 8, Bloom: []string{"event_id"}})
	for n := 0; n < len(file); n += 61 {
		if _, err := readAll[row.SignIn](file[:n]); err == nil {
			t.Fatalf("cut at %d of %d, no error", n, len(file))
		}
	}
	want, err := readAll[row.SignIn](file)
	if err != nil {
		t.Fatal(err)
	}
	wantIDs, err := readIDs(file)
	if err != nil {
		t.Fatal(err)
	}
	noticed, turned := 0, 0
	for i := 0; i < len(file); i += 11 {
		bad := slices.Clone(file)
		bad[i] ^= 1 << (i % 8)
		turned++
		rows, err := readAll[row.SignIn](bad)
		if err != nil {
			noticed++
		} else if !reflect.DeepEqual(rows, want) {
			t.Errorf("bit of byte %d: %s", i, cmp.Diff(want, rows))
		}
		if ids, err := readIDs(bad); err == nil && !slices.Equal(ids, wantIDs) {
			t.Errorf("bit of byte %d: %s", i, cmp.Diff(wantIDs, ids))
		}
	}
	if noticed < turned/2 {
		t.Errorf("%d of %d damages were noticed", noticed, turned)
	}
}
