package release

import (
	"context"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

// choice finds the rows of one file that are asked for.
type choice struct {
	at      []int // where in the file the columns stand that are asked for
	filters []filter
	all     []int32 // row numbers of a group, while none is ruled out
}

// shown takes the chosen rows of a row group, by number, and writes them.
type shown interface {
	put(ctx context.Context, g parquet.RowGroup, rows []int32) error
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

func newChoice(p *parquet.File, q Question) (*choice, error) {
	c := &choice{}
	fields := p.Schema().Fields()
	find := func(name string) (int, error) {
		i := slices.IndexFunc(fields, func(f parquet.Field) bool { return f.Name() == name })
		if i < 0 {
			return 0, FieldError{"columns", "this release has no " + name}
		}
		return i, nil
	}
	for _, name := range q.Columns {
		i, err := find(name)
		if err != nil {
			return nil, err
		}
		c.at = append(c.at, i)
	}
	for _, name := range q.filters() {
		i, err := find(name)
		if err != nil {
			return nil, err
		}
		c.filters = append(c.filters, q.filter(name, i))
	}
	return c, nil
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
		f.oneOf(q.CVX)
	case "hpi_quartile":
		f.oneOf(q.HPI)
	case "recip_race_eth":
		f.textOf(q.RaceEth)
	case "visible_because":
		f.textOf([]string{"residence", "both"})
	default:
		f.textOf(q.AgeGroups)
	}
	return f
}

func (f *filter) oneOf(numbers []int) {
	for _, n := range numbers {
		f.in = append(f.in, int32(n))
	}
	f.low, f.high = slices.Min(f.in), slices.Max(f.in)
}

func (f *filter) textOf(texts []string) {
	f.kind, f.texts = dictLayout, map[string]bool{}
	for _, t := range texts {
		f.texts[t] = true
	}
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

// rows returns the numbers of the group's rows that are asked for. They may be
// overwritten, and are by the next call.
func (c *choice) rows(ctx context.Context, g parquet.RowGroup) (rows []int32, err error) {
	chunks := g.ColumnChunks()
	for i := range c.filters {
		if c.filters[i].empty(chunks[c.filters[i].at]) {
			return nil, nil
		}
	}
	rows = c.every(int(g.NumRows()))
	for i := range c.filters {
		if err = ctx.Err(); err == nil {
			rows, err = c.filters[i].keep(chunks[c.filters[i].at], int(g.NumRows()), rows)
		}
		if err != nil || len(rows) == 0 {
			return nil, err
		}
	}
	return rows, nil
}

// every returns the numbers of n rows. They may be overwritten.
func (c *choice) every(n int) []int32 {
	c.all = c.all[:0]
	for i := range n {
		c.all = append(c.all, int32(i))
	}
	return c.all
}
