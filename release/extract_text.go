package release

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"
)

// textRows writes chosen rows as CSV or NDJSON.
type textRows struct {
	w    io.Writer
	buf  []byte
	json bool
	cols []textColumn
	at   []int // where in the file the columns stand
}

func newTextRows(p *parquet.File, w io.Writer, q Question, at []int) (*textRows, error) {
	x := &textRows{w: w, json: q.Format == NDJSON, at: at}
	for n, name := range q.Columns {
		k, err := kindOf(p.Schema().Fields()[at[n]])
		if err != nil {
			return nil, err
		}
		x.cols = append(x.cols, newTextColumn(name, k, x.json, n == len(q.Columns)-1, len(q.Columns) == 1))
	}
	return x, x.head()
}

// head writes the names of the columns, where the format has them.
func (x *textRows) head() error {
	if !x.json {
		for i := range x.cols {
			x.buf = appendCSV(x.buf, []byte(x.cols[i].name))
			x.buf = append(x.buf, x.cols[i].after...)
		}
	}
	return x.flush()
}

func (x *textRows) flush() error {
	_, err := x.w.Write(x.buf)
	x.buf = x.buf[:0]
	return err
}

// put writes rows of one row group.
func (x *textRows) put(ctx context.Context, g parquet.RowGroup, rows []int32) error {
	chunks := g.ColumnChunks()
	for i := range x.cols {
		x.cols[i].open(chunks[x.at[i]])
	}
	defer func() {
		for i := range x.cols {
			x.cols[i].close()
		}
	}()
	return x.write(ctx, rows)
}

// write writes the rows with these numbers of the group that is open. What
// follows the last of them is not read.
func (x *textRows) write(ctx context.Context, rows []int32) error {
	at := 0 // rows of the group that are done
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		have, err := x.have()
		if err != nil {
			return err
		}
		end := at + min(have, int(rows[len(rows)-1])+1-at)
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

// have makes every column hold a page, and says how many rows all of them
// have at hand. Decoding pages is most of the work, so the columns share the
// processors.
func (x *textRows) have() (int, error) {
	has := make([]int, len(x.cols))
	var next atomic.Int64
	var g errgroup.Group
	for range min(runtime.GOMAXPROCS(0), 4, len(x.cols)) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(x.cols) {
					return nil
				}
				n, err := x.cols[i].rows()
				if err != nil {
					return fmt.Errorf("column %s: %w", x.cols[i].name, err)
				}
				has[i] = n
			}
		})
	}
	err := g.Wait()
	return slices.Min(has), err
}

func (x *textRows) skip(n int) {
	if n == 0 {
		return
	}
	for i := range x.cols {
		x.cols[i].skip(n)
	}
}

// row writes the next row, which every column has at hand.
func (x *textRows) row() error {
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
