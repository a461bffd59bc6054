package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	parquet "github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// changeGroup is how many rows of changes make a row group.
const changeGroup = 65536

// columnWriter gathers rows by column and writes them as row groups.
type columnWriter struct {
	table  *load.Table
	schema *arrow.Schema
	cols   []sink
	rows   int
}

func newColumnWriter(t *load.Table, cols []dose.Column) *columnWriter {
	w := &columnWriter{table: t, schema: dose.Schema(cols)}
	for _, c := range cols {
		w.cols = append(w.cols, newSink(c))
	}
	return w
}

func (w *columnWriter) flush() error {
	if w.rows == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(w.cols))
	for i := range w.cols {
		arrays[i] = w.cols[i].array()
	}
	b := array.NewRecordBatch(w.schema, arrays, int64(w.rows))
	defer b.Release()
	w.rows = 0
	err := w.table.Append(b)
	for i := range w.cols {
		w.cols[i].reset()
	}
	return err
}

// rowReader reads rows of a file by their numbers, in ascending order, one
// decoded row group at a time.
type rowReader struct {
	file   *os.File
	groups []parquet.RowGroup
	layout []layout
	first  int // the first column that is read
	cols   []source
	base   int64 // number of the loaded group's first row
	n      int64 // its rows; 0: none is loaded
	next   int   // the group after it
}

func openRows(path string, first int, cols []dose.Column) (*rowReader, error) {
	f, p, err := openParquet(path)
	if err != nil {
		return nil, err
	}
	r := &rowReader{file: f, groups: p.RowGroups(), first: first, cols: make([]source, len(cols))}
	for _, c := range cols {
		r.layout = append(r.layout, layoutOf(c))
	}
	if have := len(p.Schema().Fields()); have != first+len(cols) {
		return nil, errors.Join(fmt.Errorf("%s has %d columns, not %d: %w", f.Name(), have, first+len(cols), dose.ErrInvalid), f.Close())
	}
	return r, nil
}

func (r *rowReader) close() error { return r.file.Close() }

// load decodes the group at r.next.
func (r *rowReader) load() error {
	g := r.groups[r.next]
	r.base, r.n = r.base+r.n, g.NumRows()
	r.next++
	chunks := g.ColumnChunks()
	for i := range r.cols {
		if err := r.cols[i].load(r.layout[i], chunks[r.first+i], int(r.n)); err != nil {
			return err
		}
	}
	return nil
}

// seek loads the group that holds the row and returns its place in it.
func (r *rowReader) seek(row int64) (int32, error) {
	for row >= r.base+r.n {
		if r.next == len(r.groups) {
			return 0, errShort
		}
		if after := r.base + r.n; row >= after+r.groups[r.next].NumRows() {
			r.base, r.n = after, r.groups[r.next].NumRows() // skipped, not decoded
			r.next++
			continue
		}
		if err := r.load(); err != nil {
			return 0, err
		}
	}
	return int32(row - r.base), nil
}

// writeChanges writes the listed rows of both files to dst.
func writeChanges(ctx context.Context, listed string, files [2]string, dst string, head steps) (rows int64, err error) {
	if head.Groups, err = groupsOf(files[1]); err != nil {
		return 0, err
	}
	data := head.columns()
	columns := append(changeColumns(), data...)
	t, err := load.NewTable(dst, columns)
	if err != nil {
		return 0, err
	}
	w := newColumnWriter(t, columns)
	defer func() {
		if err != nil {
			w.table.Abort()
			err = errors.Join(err, os.Remove(dst))
		}
	}()
	for side, path := range files {
		if err := w.side(ctx, listed, path, side, data); err != nil {
			return 0, err
		}
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	text, err := json.Marshal(head)
	if err != nil {
		return 0, err
	}
	if err := w.table.Note(stepsKey, string(text)); err != nil {
		return 0, err
	}
	f, err := w.table.Finish()
	return f.Rows, err
}

// side writes the rows of one of the two files.
func (w *columnWriter) side(ctx context.Context, listed, path string, side int, data []dose.Column) (err error) {
	r, err := openRows(path, 0, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	version := [...]string{oldVersion, newVersion}[side]
	return eachPage(listed, func(c []source, n int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		var rows []int32 // of the loaded group
		put := func() {
			for i := range r.cols {
				w.cols[len(changeColumns())+i].gather(&r.cols[i], rows)
			}
			rows = rows[:0]
		}
		for i := range n {
			if int(c[0].i32[i]) != side {
				continue
			}
			row := c[1].i64[i]
			if row >= r.base+r.n {
				put()
			}
			at, err := r.seek(row)
			if err != nil {
				return err
			}
			rows = append(rows, at)
			w.head(c, int32(i), version, row)
			if w.rows++; w.rows == changeGroup {
				put()
				if err := w.flush(); err != nil {
					return err
				}
			}
		}
		put()
		return nil
	})
}

// head writes what stands before the row's own columns.
func (w *columnWriter) head(c []source, at int32, version string, row int64) {
	for k, s := range []*source{&c[2], &c[3], nil, &c[4]} {
		if s == nil {
			w.cols[k].text(version)
		} else if v, ok := s.value(at); ok && v != "" {
			w.cols[k].text(v)
		} else {
			w.cols[k].skip(1)
		}
	}
	w.cols[4].big(row)
	if change, _ := c[2].value(at); change == "changed" {
		w.cols[5].big(c[5].i64[c[5].at[at]])
	} else {
		w.cols[5].skip(1)
	}
}

// Rows returns how many rows a Parquet file has.
func Rows(path string) (int64, error) {
	f, p, err := openParquet(path)
	if err != nil {
		return 0, err
	}
	return p.NumRows(), f.Close()
}
