package release

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

// extraction writes the chosen rows and columns of one file as text.
type extraction struct {
	w       io.Writer
	buf     []byte
	json    bool
	cols    []textColumn
	at      []int // where in the file the columns stand
	filters []filter
	all     []int32 // row numbers of a group, while none is ruled out
}

// filter rules out rows by one column. A null is never what was asked for.
type filter struct {
	at   int // column of the file
	kind layout
	col  source

	low, high int32           // numbers: the bounds
	in        []int32         // numbers: one of these, when not empty
	texts     map[string]bool // text: one of these
}

func newExtraction(p *parquet.File, w io.Writer, q Question) (*extraction, error) {
	x := &extraction{w: w, json: q.Format == NDJSON}
	fields := p.Schema().Fields()
	find := func(name string) (int, error) {
		i := slices.IndexFunc(fields, func(f parquet.Field) bool { return f.Name() == name })
		if i < 0 {
			return 0, FieldError{"columns", "this release has no " + name}
		}
		return i, nil
	}
	for n, name := range q.Columns {
		i, err := find(name)
		if err != nil {
			return nil, err
		}
		k, err := kindOf(fields[i])
		if err != nil {
			return nil, err
		}
		x.at = append(x.at, i)
		x.cols = append(x.cols, newTextColumn(name, k, x.json, n == len(q.Columns)-1, len(q.Columns) == 1))
	}
	for _, name := range q.filters() {
		i, err := find(name)
		if err != nil {
			return nil, err
		}
		x.filters = append(x.filters, q.filter(name, i))
	}
	return x, nil
}

func (q Question) filter(name string, at int) filter {
	f := filter{at: at, kind: intLayout, low: -1 << 31, high: 1<<31 - 1}
	switch name {
	case "admin_date":
		if q.From != "" {
			f.low = dayNumber(q.From)
		}
		if q.To != "" {
			f.high = dayNumber(q.To)
		}
	case "cvx":
		for _, c := range q.CVX {
			f.in = append(f.in, int32(c))
		}
		f.low, f.high = slices.Min(f.in), slices.Max(f.in)
	default:
		f.kind, f.texts = dictLayout, map[string]bool{}
		for _, t := range q.AgeGroups {
			f.texts[t] = true
		}
	}
	return f
}

// dayNumber counts from 1970-01-01. Check has read the date.
func dayNumber(date string) int32 {
	t, _ := time.Parse(time.DateOnly, date)
	return int32(t.Unix() / 86400)
}

// empty says that the group's statistics rule all its rows out.
func (f *filter) empty(chunk parquet.ColumnChunk) bool {
	c, ok := chunk.(*parquet.FileColumnChunk)
	if !ok || f.kind != intLayout {
		return false
	}
	low, high, ok := c.Bounds()
	return ok && !low.IsNull() && !high.IsNull() && (high.Int32() < f.low || low.Int32() > f.high)
}

// keep narrows rows to those that the filter lets pass.
func (f *filter) keep(chunk parquet.ColumnChunk, n int, rows []int32) ([]int32, error) {
	if err := f.col.load(f.kind, chunk, n); err != nil {
		return nil, err
	}
	out := rows[:0]
	for _, r := range rows {
		if f.passes(r) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (f *filter) passes(row int32) bool {
	if f.kind == dictLayout {
		text, ok := f.col.value(row)
		return ok && f.texts[text]
	}
	at := f.col.at[row]
	if at < 0 {
		return false
	}
	v := f.col.i32[at]
	return v >= f.low && v <= f.high && (len(f.in) == 0 || slices.Contains(f.in, v))
}

// head writes the names of the columns, where the format has them.
func (x *extraction) head() error {
	if !x.json {
		for i := range x.cols {
			x.buf = appendCSV(x.buf, []byte(x.cols[i].name))
			x.buf = append(x.buf, x.cols[i].after...)
		}
	}
	return x.flush()
}

func (x *extraction) flush() error {
	_, err := x.w.Write(x.buf)
	x.buf = x.buf[:0]
	return err
}

// rowGroup writes what is asked for of one row group.
func (x *extraction) rowGroup(ctx context.Context, g parquet.RowGroup) (int64, error) {
	chunks := g.ColumnChunks()
	for i := range x.filters {
		if x.filters[i].empty(chunks[x.filters[i].at]) {
			return 0, nil
		}
	}
	rows := x.every(int(g.NumRows()))
	for i := range x.filters {
		var err error
		if err = ctx.Err(); err == nil {
			rows, err = x.filters[i].keep(chunks[x.filters[i].at], int(g.NumRows()), rows)
		}
		if err != nil || len(rows) == 0 {
			return 0, err
		}
	}
	if len(rows) == 0 {
		return 0, nil
	}
	for i := range x.cols {
		x.cols[i].open(chunks[x.at[i]])
	}
	defer func() {
		for i := range x.cols {
			x.cols[i].close()
		}
	}()
	return int64(len(rows)), x.write(ctx, rows)
}

// every returns the numbers of n rows. They may be overwritten.
func (x *extraction) every(n int) []int32 {
	x.all = x.all[:0]
	for i := range n {
		x.all = append(x.all, int32(i))
	}
	return x.all
}

// write writes the rows with these numbers of the group that is open. What
// follows the last of them is not read.
func (x *extraction) write(ctx context.Context, rows []int32) error {
	at := 0 // rows of the group that are done
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(rows[len(rows)-1]) + 1 - at
		for i := range x.cols {
			have, err := x.cols[i].rows()
			if err != nil {
				return fmt.Errorf("column %s: %w", x.cols[i].name, err)
			}
			n = min(n, have)
		}
		end := at + n
		for len(rows) > 0 && int(rows[0]) < end {
			x.skip(int(rows[0]) - at)
			if err := x.row(); err != nil {
				return err
			}
			at, rows = int(rows[0])+1, rows[1:]
		}
		x.skip(end - at)
		at = end
	}
	return nil
}

func (x *extraction) skip(n int) {
	if n == 0 {
		return
	}
	for i := range x.cols {
		x.cols[i].skip(n)
	}
}

// row writes the next row, which every column has at hand.
func (x *extraction) row() error {
	start := len(x.buf)
	for i := range x.cols {
		x.buf = x.cols[i].next(x.buf)
	}
	if x.json {
		x.buf = closeObject(x.buf, start)
	}
	if len(x.buf) >= flushAt {
		return x.flush()
	}
	return nil
}

// skip passes over the next n rows, which rows has said are at hand.
func (c *textColumn) skip(n int) {
	from := c.at
	c.at += n
	switch {
	case len(c.small) > 0 || len(c.large) > 0:
	case len(c.def) == 0:
		c.val += n
	default:
		for _, level := range c.def[from:c.at] {
			if level != 0 {
				c.val++
			}
		}
	}
}
