package report

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// reader puts the values of columns together to rows. It is opened once, and
// closed however that went.
type reader[R any] struct {
	columns []column[R]
	groups  []parquet.RowGroup // that are still to come
	left    int64              // rows of the group at hand that are still to come
}

func (r *reader[R]) open(data io.ReaderAt, size int64, columns func(*parquet.Schema) ([]column[R], error)) error {
	f, err := openParquet(data, size)
	if err != nil {
		return err
	}
	found, err := columns(f.Schema())
	if err != nil {
		return err
	}
	for i := range found {
		if err := checkChunks(data, f, found[i].leaf, found[i].list); err != nil {
			return err
		}
	}
	r.columns, r.groups = found, f.RowGroups()
	return nil
}

// read reads some rows, and gives errEnd once there are none.
func (r *reader[R]) read(buf []R) (int, error) {
	for r.left == 0 {
		if len(r.groups) == 0 {
			return 0, errEnd
		}
		if err := r.close(); err != nil {
			return 0, err
		}
		g := r.groups[0]
		r.groups, r.left = r.groups[1:], g.NumRows()
		for i := range r.columns {
			c := &r.columns[i]
			c.values.pages = g.ColumnChunks()[c.leaf].Pages()
		}
	}
	clear(buf)
	buf = buf[:min(int64(len(buf)), r.left)]
	for i := range r.columns {
		if err := r.columns[i].read(buf); err != nil {
			return 0, fmt.Errorf("%d rows are missing: %w", r.left, err)
		}
	}
	r.left -= int64(len(buf))
	return len(buf), nil
}

func (r *reader[R]) close() error {
	var all error
	for i := range r.columns {
		all = errors.Join(all, r.columns[i].values.close())
	}
	return all
}

// read fills in the column in every row.
func (c *column[R]) read(rows []R) error {
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
			c.values.drop()
			c.set(&rows[i], v)
		}
	}
	return nil
}

// cursor goes over the values of a column in one row group.
type cursor struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buf    []parquet.Value // room for values
	ready  []parquet.Value // those in it that are to come; they point into page
}

// next gives the next value, good until the next call; there has to be one.
func (c *cursor) next() (*parquet.Value, error) {
	v, err := c.peek()
	if err == nil {
		c.drop()
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

func (c *cursor) drop() { c.ready = c.ready[1:] }

// peek gives the next value without going beyond it. At the end it gives
// io.EOF.
func (c *cursor) peek() (*parquet.Value, error) {
	for len(c.ready) == 0 {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return nil, err
			}
			c.page, c.values = page, page.Values()
		}
		if c.buf == nil {
			c.buf = make([]parquet.Value, batch)
		}
		n, err := c.values.ReadValues(c.buf)
		c.ready = c.buf[:n]
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n == 0 {
			c.release()
		}
	}
	return &c.ready[0], nil
}

func (c *cursor) release() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.values, c.ready = nil, nil, nil
}

func (c *cursor) close() error {
	c.release()
	pages := c.pages
	if c.pages = nil; pages == nil {
		return nil
	}
	return pages.Close()
}
