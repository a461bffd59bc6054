package cvrs

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// finish makes the batch of what was gathered.
func (w *worker) finish(b *block) *extract.Batch {
	n, mem := len(w.lines), b.r.d.mem()
	cols := make([]arrow.Array, len(w.lay.cols))
	for i := range w.plain {
		cols[w.plain[i].field] = w.plain[i].array(n)
	}
	for i := range w.dict {
		cols[w.dict[i].field] = w.dict[i].array(n)
	}
	cols[len(cols)-1] = lineArray(w.lines, mem)
	fillNulls(cols, w.lay.cols, n, mem)
	out := w.batch
	out.Rows = array.NewRecordBatch(w.lay.schema, cols, int64(n))
	for _, c := range cols {
		c.Release()
	}
	out.Records += int64(n)
	slices.SortStableFunc(out.Issues, func(x, y dose.Issue) int {
		return cmp.Or(cmp.Compare(x.Row, y.Row), cmp.Compare(x.Field+1, y.Field+1))
	})
	text, starts := b.text, w.starts
	out.Record = func(row int) []byte {
		line := text[starts[row]:]
		return trimEnd(line[:bytes.IndexByte(line, '\n')])
	}
	w.batch, w.starts = nil, nil
	clear(w.plain)
	return out
}

func lineArray(lines []int64, mem memory.Allocator) arrow.Array {
	buf := memory.NewResizableBuffer(mem)
	buf.Resize(8 * len(lines))
	copy(arrow.Int64Traits.CastFromBytes(buf.Bytes()), lines)
	data := array.NewData(arrow.PrimitiveTypes.Int64, len(lines), []*memory.Buffer{nil, buf}, nil, 0, 0)
	defer data.Release()
	buf.Release()
	return array.NewInt64Data(data)
}

// fillNulls gives the columns that hold nothing one array of n nulls for each
// type, over one buffer of zeros. Its dictionary has one value, the empty
// string, for readers that look before they ask whether a row is null.
func fillNulls(cols []arrow.Array, decl []dose.Column, n int, mem memory.Allocator) {
	zeros := memory.NewResizableBuffer(mem)
	defer zeros.Release()
	zeros.Resize(4 * (n + 2))
	clear(zeros.Bytes())
	empty := memory.NewResizableBuffer(mem)
	defer empty.Release()
	data := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{zeros, zeros, empty}, nil, n, 0)
	plain := array.NewStringData(data)
	data.Release()
	for range 3 { // dictionary gives up what it is given
		zeros.Retain()
	}
	empty.Retain()
	dict := dictionary(n, n, zeros, zeros, 1, zeros, empty)
	defer plain.Release()
	defer dict.Release()
	for i, c := range decl {
		if cols[i] != nil {
			continue
		}
		cols[i] = dict
		if c.Type == dose.LongTxt {
			cols[i] = plain
		}
		cols[i].Retain()
	}
}
