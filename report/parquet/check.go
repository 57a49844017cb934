package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The limits that a file made by Write does not exceed. The library allocates
// every size that a file states, without a check. So the sizes are checked first.
const (
	maxPage     = 1 << 30 // bytes of a page, inflated
	maxValues   = 1 << 24 // values of a column in a row group
	maxDepth    = 16      // structures inside structures in the metadata
	maxElements = 1000    // elements of a schema
	magic       = "PAR1"  // the first and the last four bytes of a file
)

// openFile checks the metadata of a file of size bytes and then opens it. It
// refuses metadata that is cut off, malformed or contradicts itself. It also
// refuses a row group whose columns do not have the names in the schema.
func openFile(data io.ReaderAt, size int64) (*parquet.File, error) {
	tail := make([]byte, 8)
	if size < int64(len(magic)+len(tail)) {
		return nil, fmt.Errorf("%d bytes are too few for a file: %w", size, io.ErrUnexpectedEOF)
	}
	if err := readFull(data, tail, size-8); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if string(tail[4:]) != magic || length > size-int64(len(magic)+len(tail)) {
		return nil, errors.New("does not end as a parquet file does")
	}
	footer := make([]byte, length)
	if err := readFull(data, footer, size-8-length); err != nil {
		return nil, err
	}
	var m format.FileMetaData
	if n := structLength(footer); n == 0 || n != len(footer) {
		return nil, errors.New("malformed metadata")
	}
	if err := thrift.Unmarshal(&thrift.CompactProtocol{}, footer, &m); err != nil {
		return nil, err
	}
	if err := checkMetadata(&m); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(data, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	// Without this check a column with a damaged name would be taken for a column
	// that the file does not have.
	for i, path := range f.Schema().Columns() {
		for k := range m.RowGroups {
			if !slices.Equal(m.RowGroups[k].Columns[i].MetaData.PathInSchema, path) {
				return nil, fmt.Errorf("column %d of row group %d is not %q", i, k, path)
			}
		}
	}
	return f, nil
}

// checkMetadata checks the numbers of schema elements, columns and rows in the
// metadata: whether they agree with each other and keep to the limits. The library
// would panic or allocate too much if they do not.
func checkMetadata(m *format.FileMetaData) error {
	if n := len(m.Schema); n < 2 || n > maxElements {
		return fmt.Errorf("schema of %d elements", n)
	}
	leaves, rows := 0, int64(0)
	for i := range m.Schema {
		if n, group := m.Schema[i].NumChildren.Get(); !group || n == 0 {
			leaves++
		}
	}
	for i := range m.RowGroups {
		g := &m.RowGroups[i]
		if g.NumRows < 0 || g.NumRows > maxValues || len(g.Columns) != leaves {
			return fmt.Errorf("row group %d has %d rows and %d columns of %d", i, g.NumRows, len(g.Columns), leaves)
		}
		rows += g.NumRows
	}
	if rows != m.NumRows {
		return fmt.Errorf("the file states %d rows, its row groups have %d", m.NumRows, rows)
	}
	return nil
}

// checkChunks checks one column in every row group: the number of its values, its
// compression, which is zstd or none, and its pages. It reads the headers of the
// pages and does not inflate them. list says that the column is a list, so that a
// row may have more than one value.
func checkChunks(data io.ReaderAt, f *parquet.File, column int, list bool) error {
	for i := range f.Metadata().RowGroups {
		g := &f.Metadata().RowGroups[i]
		m := &g.Columns[column].MetaData
		if m.NumValues < g.NumRows || m.NumValues > maxValues || !list && m.NumValues != g.NumRows {
			return fmt.Errorf("column %d of row group %d has %d values in %d rows", column, i, m.NumValues, g.NumRows)
		}
		if m.Codec != format.Zstd && m.Codec != format.Uncompressed {
			return fmt.Errorf("column %d of row group %d has a compression that is not supported", column, i)
		}
		if err := checkPages(data, f.Size(), m); err != nil {
			return fmt.Errorf("column %d of row group %d: %w", column, i, err)
		}
	}
	return nil
}

func checkPages(data io.ReaderAt, size int64, m *format.ColumnMetaData) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	if at < int64(len(magic)) || at > size || m.DataPageOffset < at || m.TotalCompressedSize < 0 || m.TotalCompressedSize > size-at {
		return fmt.Errorf("%d bytes at %d are not inside the file", m.TotalCompressedSize, at)
	}
	values := int64(0)
	for end := at + m.TotalCompressedSize; at < end; {
		h, n, err := readPageHeader(data, at, end)
		if err != nil {
			return err
		}
		at += int64(n)
		packed, inflated := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
		if packed < 0 || packed > end-at || inflated < 0 || inflated > maxPage {
			return fmt.Errorf("page of %d bytes, inflated %d, at %d", packed, inflated, at)
		}
		at += packed
		switch {
		case h.Type == format.DataPage && h.DataPageHeader.Valid && h.DataPageHeader.V.NumValues >= 0:
			values += int64(h.DataPageHeader.V.NumValues)
		// Every value of a dictionary takes at least four bytes.
		case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid &&
			h.DictionaryPageHeader.V.NumValues >= 0 && int64(h.DictionaryPageHeader.V.NumValues) <= inflated/4:
		default:
			return fmt.Errorf("the page before %d has a type that is not supported", at)
		}
	}
	if values != m.NumValues {
		return fmt.Errorf("the column states %d values, its pages have %d", m.NumValues, values)
	}
	return nil
}

// readPageHeader reads the header of the page that begins at the offset at. end is
// the offset where the column ends. It also returns the length n of the header in
// bytes. A header that is not whole before end is an error.
func readPageHeader(data io.ReaderAt, at, end int64) (h format.PageHeader, n int, err error) {
	// A header has no fixed length: it holds the least and the greatest text of the
	// page. So a small window is tried first, then larger ones.
	for window := int64(1 << 10); n == 0; window *= 16 {
		b := make([]byte, min(window, end-at))
		if err := readFull(data, b, at); err != nil {
			return h, 0, err
		}
		if n = structLength(b); n > 0 {
			err = thrift.Unmarshal(&thrift.CompactProtocol{}, b[:n], &h)
		} else if int64(len(b)) == end-at {
			err = fmt.Errorf("malformed page at %d", at)
		}
		if err != nil {
			return h, n, err
		}
	}
	return h, n, nil
}

func readFull(data io.ReaderAt, b []byte, at int64) error {
	n, err := data.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%d bytes at %d: %w", len(b), at, err)
}
