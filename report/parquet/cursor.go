package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// rowReader combines the values of columns into rows. It is opened once, and
// closeColumns must be called even if open fails.
type rowReader[R any] struct {
	columns []columnReader[R]
	groups  []parquet.RowGroup // row groups that have not been started
	left    int64              // rows of the current row group that have not been read
}

func (r *rowReader[R]) open(data io.ReaderAt, size int64, findColumns func(*parquet.Schema) ([]columnReader[R], error)) error {
	f, err := openFile(data, size)
	if err != nil {
		return err
	}
	found, err := findColumns(f.Schema())
	if err != nil {
		return err
	}
	for i := range found {
		if err := checkChunks(data, f, found[i].index, found[i].list); err != nil {
			return err
		}
	}
	r.columns, r.groups = found, f.RowGroups()
	return nil
}

// readBatch fills buf with the next rows and returns their number. They are all
// from one row group, so they may be fewer than buf has room for. After the last
// row it returns errEndOfFile.
func (r *rowReader[R]) readBatch(buf []R) (int, error) {
	for r.left == 0 {
		if len(r.groups) == 0 {
			return 0, errEndOfFile
		}
		if err := r.closeColumns(); err != nil {
			return 0, err
		}
		g := r.groups[0]
		r.groups, r.left = r.groups[1:], g.NumRows()
		for i := range r.columns {
			c := &r.columns[i]
			c.values.pages = g.ColumnChunks()[c.index].Pages()
		}
	}
	clear(buf)
	buf = buf[:min(int64(len(buf)), r.left)]
	for i := range r.columns {
		if err := r.columns[i].fillRows(buf); err != nil {
			return 0, fmt.Errorf("%d rows are missing: %w", r.left, err)
		}
	}
	r.left -= int64(len(buf))
	return len(buf), nil
}

func (r *rowReader[R]) closeColumns() error {
	var all error
	for i := range r.columns {
		all = errors.Join(all, r.columns[i].values.closePages())
	}
	return all
}

// fillRows sets this column in every row to the next values of the file. The rows
// must be zero before, because it skips a null. Too few values are an error.
func (c *columnReader[R]) fillRows(rows []R) error {
	for i := range rows {
		v, err := c.values.next()
		if err != nil {
			return err
		}
		if !v.IsNull() {
			c.set(&rows[i], v)
		}
		for c.list {
			v, err := c.values.peek()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if v.RepetitionLevel() == 0 {
				break
			}
			c.values.skipValue()
			c.set(&rows[i], v)
		}
	}
	return nil
}

// valueCursor walks over the values of one column in one row group.
type valueCursor struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buf    []parquet.Value // the memory of ready
	ready  []parquet.Value // values that were read from page and not used yet; they point into page
}

// next returns the next value, which is valid until the next call. If there is
// not another value, that is an error.
func (c *valueCursor) next() (*parquet.Value, error) {
	v, err := c.peek()
	if err == nil {
		c.skipValue()
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

func (c *valueCursor) skipValue() { c.ready = c.ready[1:] }

// peek returns the next value and stays before it. At the end it returns io.EOF.
func (c *valueCursor) peek() (*parquet.Value, error) {
	for len(c.ready) == 0 {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return nil, err
			}
			c.page, c.values = page, page.Values()
		}
		if c.buf == nil {
			c.buf = make([]parquet.Value, batchRows)
		}
		n, err := c.values.ReadValues(c.buf)
		c.ready = c.buf[:n]
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n == 0 {
			c.releasePage()
		}
	}
	return &c.ready[0], nil
}

func (c *valueCursor) releasePage() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.values, c.ready = nil, nil, nil
}

func (c *valueCursor) closePages() error {
	c.releasePage()
	pages := c.pages
	if c.pages = nil; pages == nil {
		return nil
	}
	return pages.Close()
}
