package release

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
)

// tableRows writes chosen rows as Parquet, in row groups of about the size
// that the released files have.
type tableRows struct {
	at     []int // where in the file the columns stand
	cols   []dose.Column
	schema *arrow.Schema
	table  *load.Table
	sinks  []sink
	from   source
	rows   int
}

const extractGroup = 131072

// extractTable writes the answer as Parquet, and from that the workbook.
func extractTable(ctx context.Context, p *parquet.File, dst string, q Question, progress func(done, total int64)) (rows int64, err error) {
	c, err := newChoice(p, q)
	if err != nil {
		return 0, err
	}
	part, err := durable.MkdirPart(dst)
	if err != nil {
		return 0, err
	}
	defer part.Abort()
	x := &tableRows{at: c.at}
	all := asWritten(tableColumns(q.Table))
	place := dose.Index(all)
	for _, name := range q.Columns {
		x.cols = append(x.cols, all[place[name]])
		x.sinks = append(x.sinks, newSink(all[place[name]]))
	}
	x.schema = dose.Schema(x.cols)
	tmp := filepath.Join(part.Dir, q.Table+".parquet") // a sheet takes its name
	if x.table, err = load.NewTable(tmp, x.cols); err != nil {
		return 0, err
	}
	for _, n := range notes(x.cols, q.Level()) {
		err = errors.Join(err, x.table.Note(n[0], n[1]))
	}
	if err == nil {
		rows, err = c.show(ctx, p, x, progress)
	}
	if err == nil {
		err = x.flush()
	}
	if err != nil {
		x.table.Abort()
		return 0, err
	}
	if _, err := x.table.Finish(); err != nil {
		return 0, err
	}
	if q.Format == XLSX {
		return Convert(ctx, tmp, dst, XLSX)
	}
	return rows, errors.Join(durable.SyncDir(tmp), os.Rename(tmp, dst), durable.SyncDir(filepath.Dir(dst)))
}

func (x *tableRows) put(ctx context.Context, g parquet.RowGroup, rows []int32) error {
	chunks := g.ColumnChunks()
	for i := range x.sinks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := x.from.load(layoutOf(x.cols[i]), chunks[x.at[i]], int(g.NumRows())); err != nil {
			return err
		}
		x.sinks[i].gather(&x.from, rows)
	}
	if x.rows += len(rows); x.rows >= extractGroup {
		return x.flush()
	}
	return nil
}

func (x *tableRows) flush() error {
	if x.rows == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(x.sinks))
	for i := range x.sinks {
		arrays[i] = x.sinks[i].array()
	}
	b := array.NewRecordBatch(x.schema, arrays, int64(x.rows))
	defer b.Release()
	err := x.table.Append(b)
	x.rows = 0
	for i := range x.sinks {
		x.sinks[i].reset()
	}
	return err
}
