package parquet_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"trailgate/report/internal/rowtest"
	"trailgate/report/parquet"
	"trailgate/report/row"
)

// sound returns a small file of each form that the reader knows.
func sound(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	for _, rows := range [][]row.SignIn{nil, {rowtest.Full(), rowtest.Hostile(), rowtest.Minimal()}, slices.Collect(rowtest.Many(30, 3))} {
		var b bytes.Buffer
		if err := parquet.Write(&b, slices.Values(rows), parquet.Options{RowGroup: 20, Bloom: []string{"event_id"}}); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Bytes(), unsealed(t, b.Bytes()))
	}
	return all
}

// unsealed returns the file without the checksums of its pages. The checksums protect the
// decoders from most damage, but an attacker can leave them out.
func unsealed(t testing.TB, file []byte) []byte {
	t.Helper()
	f, err := pq.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	out, pages := slices.Clone(file), 0
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			at := c.MetaData.DataPageOffset
			if d := c.MetaData.DictionaryPageOffset; d != 0 {
				at = d
			}
			start := at
			for at < start+c.MetaData.TotalCompressedSize {
				var h format.PageHeader
				in := (&thrift.CompactProtocol{}).NewReaderFromBytes(file[at:])
				if err := thrift.NewDecoder(in).Decode(&h); err != nil {
					t.Fatal(err)
				}
				end := at + int64(in.BytesRead())
				sum := binary.AppendVarint(nil, int64(h.CRC))
				// This is zero in the same number of bytes.
				none := append(bytes.Repeat([]byte{0x80}, len(sum)-1), 0)
				copy(out[at:end], bytes.Replace(file[at:end], sum, none, 1))
				at = end + int64(h.CompressedPageSize)
				pages++
			}
		}
	}
	if f.NumRows() > 0 && (pages == 0 || bytes.Equal(out, file)) {
		t.Fatal("no checksum was found")
	}
	if rows, err := readAll[row.SignIn](out); err != nil || int64(len(rows)) != f.NumRows() {
		t.Fatalf("without checksums: %d rows, %v", len(rows), err)
	}
	return out
}

// survives reads a file that may contain anything.
func survives(t *testing.T, file []byte) {
	t.Helper()
	rows, err := readAll[row.SignIn](file)
	ids, failed := readIDs(file)
	if failed == nil && err == nil && len(ids) != len(rows) {
		t.Fatalf("%d ids of %d rows", len(ids), len(rows))
	}
	if err != nil {
		return
	}
	for _, r := range rows {
		if y := r.EventTime.Year(); y < 1 || y > 9999 {
			return // not to be written again
		}
	}
	var b bytes.Buffer
	slices.SortStableFunc(rows, func(a, b row.SignIn) int { return a.EventTime.Compare(b.EventTime) })
	if err := parquet.Write(&b, slices.Values(rows), parquet.Options{}); err != nil {
		t.Fatal(err)
	}
	if again, err := readAll[row.SignIn](b.Bytes()); err != nil || len(again) != len(rows) {
		t.Fatalf("%d rows written, %d read, %v", len(rows), len(again), err)
	}
}

func FuzzReadParquet(f *testing.F) {
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"))
	f.Add(sound(f)[0])
	f.Fuzz(func(t *testing.T, file []byte) { survives(t, file) })
}

// FuzzReadParquetPatched changes sound files in two places. So the inputs stay small and
// pass the first checks.
func FuzzReadParquetPatched(f *testing.F) {
	files := sound(f)
	f.Add(uint8(2), uint16(40), []byte{0xff}, uint16(9000), []byte{0x15, 0x02})
	f.Add(uint8(5), uint16(700), []byte{0, 0, 0, 0x7f}, uint16(0), []byte{})
	f.Fuzz(func(t *testing.T, which uint8, at uint16, patch []byte, at2 uint16, patch2 []byte) {
		file := slices.Clone(files[int(which)%len(files)])
		copy(file[int(at)%len(file):], patch)
		copy(file[int(at2)%len(file):], patch2)
		survives(t, file)
	})
}

// TestReadParquetUnsealed changes bytes of a file without checksums. The reader must not
// panic, and must not return more rows than the file has.
func TestReadParquetUnsealed(t *testing.T) {
	file := unsealed(t, sound(t)[2])
	for i := 0; i < len(file); i += 17 {
		bad := slices.Clone(file)
		bad[i] ^= [...]byte{0x01, 0x80, 0xff, 0x10}[i%4]
		if rows, _ := readAll[row.SignIn](bad); len(rows) > 3 {
			t.Errorf("byte %d: %d rows", i, len(rows))
		}
	}
}
