package extract

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// Table gathers rows of the raw schema one at a time, for decoders of formats
// that are not columns by nature. It keeps its memory from batch to batch, so
// each goroutine has its own.
type Table struct {
	schema *arrow.Schema
	cols   []tableColumn // all but line, which is the last
	lines  []int64
}

// tableColumn is one column: text as a dictionary in order of first
// appearance, long text as plain strings.
type tableColumn struct {
	plain bool
	n     int // rows written; those behind are null
	set   int // rows that hold something
	valid []uint64
	index []int32 // dictionary: number of the value; plain: end in val
	words Words   // of a dictionary
	val   []byte  // of plain strings
}

// NewTable returns an empty table.
func NewTable() *Table {
	cols := dose.Raw()
	t := &Table{schema: dose.RawSchema(), cols: make([]tableColumn, len(cols)-1)}
	for i := range t.cols {
		if t.cols[i].plain = cols[i].Type == dose.LongTxt; !t.cols[i].plain {
			t.cols[i].words.Reset()
		}
	}
	return t
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.lines) }

// Append adds a row: cells in the order of the raw schema without line, empty
// for null. It copies what it keeps. Cells hold no NUL; those with sixteen
// readable bytes (capacity) are found faster.
func (t *Table) Append(cells [][]byte, line int64) {
	row := len(t.lines)
	t.lines = append(t.lines, line)
	for i, cell := range cells[:len(t.cols)] {
		if len(cell) > 0 {
			t.cols[i].add(row, cell)
		}
	}
}

func (c *tableColumn) add(row int, cell []byte) {
	c.skipTo(row)
	if c.plain {
		c.val = append(c.val, cell...)
		c.index = append(c.index, int32(len(c.val)))
	} else {
		c.index = append(c.index, c.words.Number(cell))
	}
	if row&63 == 0 {
		c.valid = append(c.valid, 0)
	}
	c.valid[row>>6] |= 1 << (row & 63)
	c.n, c.set = row+1, c.set+1
}

// skipTo writes nulls up to row.
func (c *tableColumn) skipTo(row int) {
	for ; c.n < row; c.n++ {
		if c.n&63 == 0 {
			c.valid = append(c.valid, 0)
		}
		c.index = append(c.index, int32(len(c.val)))
	}
}

// Batch returns the rows gathered, in mem, and begins anew. The caller
// releases it.
func (t *Table) Batch(mem memory.Allocator) arrow.RecordBatch {
	n := len(t.lines)
	cols := make([]arrow.Array, len(t.cols)+1)
	nulls := newNulls(n, mem)
	defer nulls.release()
	for i := range t.cols {
		c := &t.cols[i]
		if c.set == 0 {
			cols[i] = nulls.of(c.plain)
			continue
		}
		c.skipTo(n)
		cols[i] = c.array(n, mem)
		c.n, c.set, c.valid, c.index, c.val = 0, 0, c.valid[:0], c.index[:0], c.val[:0]
		if !c.plain {
			c.words.Reset()
		}
	}
	cols[len(t.cols)] = fixedArray(arrow.PrimitiveTypes.Int64, arrow.Int64Traits.CastToBytes(t.lines), n, mem)
	t.lines = t.lines[:0]
	out := array.NewRecordBatch(t.schema, cols, int64(n))
	for _, c := range cols {
		c.Release()
	}
	return out
}

func (c *tableColumn) array(n int, mem memory.Allocator) arrow.Array {
	var valid *memory.Buffer
	if c.set < n {
		valid = buffer(mem, 8*len(c.valid))
		for i, w := range c.valid {
			binary.LittleEndian.PutUint64(valid.Bytes()[8*i:], w)
		}
		defer valid.Release()
	}
	if c.plain {
		offsets := buffer(mem, 4*(n+1))
		defer offsets.Release()
		copy(arrow.Int32Traits.CastFromBytes(offsets.Bytes())[1:], c.index)
		clear(offsets.Bytes()[:4])
		return stringArray(n, n-c.set, valid, offsets, c.val, mem)
	}
	index := buffer(mem, 4*n)
	defer index.Release()
	copy(arrow.Int32Traits.CastFromBytes(index.Bytes()), c.index)
	off, text := c.words.Values()
	offsets := buffer(mem, 4*len(off))
	defer offsets.Release()
	copy(arrow.Int32Traits.CastFromBytes(offsets.Bytes()), off)
	values := stringArray(c.words.Len(), 0, nil, offsets, text, mem)
	defer values.Release()
	return dictionaryArray(n, n-c.set, valid, index, values)
}

func buffer(mem memory.Allocator, n int) *memory.Buffer {
	b := memory.NewResizableBuffer(mem)
	b.Resize(n)
	return b
}

func stringArray(n, nulls int, valid, offsets *memory.Buffer, text []byte, mem memory.Allocator) arrow.Array {
	values := buffer(mem, len(text))
	defer values.Release()
	copy(values.Bytes(), text)
	data := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{valid, offsets, values}, nil, nulls, 0)
	defer data.Release()
	return array.NewStringData(data)
}

func dictionaryArray(n, nulls int, valid, index *memory.Buffer, values arrow.Array) arrow.Array {
	data := array.NewDataWithDictionary(dose.Dictionary, n, []*memory.Buffer{valid, index}, nulls, 0, values.Data().(*array.Data))
	defer data.Release()
	a := array.NewDictionaryData(data)
	a.Dictionary() // made when first asked for: ask now, while one goroutine has it
	return a
}

func fixedArray(t arrow.DataType, bytes []byte, n int, mem memory.Allocator) arrow.Array {
	b := buffer(mem, len(bytes))
	defer b.Release()
	copy(b.Bytes(), bytes)
	data := array.NewData(t, n, []*memory.Buffer{nil, b}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// nulls are the two arrays that all columns without any value share. The
// dictionary has one value, the empty string, for readers that look before
// they ask whether a row is null.
type nulls struct{ plain, dict arrow.Array }

func newNulls(n int, mem memory.Allocator) nulls {
	zeros := buffer(mem, 8*(n+2))
	defer zeros.Release()
	clear(zeros.Bytes())
	one := stringArray(1, 0, nil, zeros, nil, mem)
	defer one.Release()
	return nulls{stringArray(n, n, zeros, zeros, nil, mem), dictionaryArray(n, n, zeros, zeros, one)}
}

func (x nulls) of(plain bool) arrow.Array {
	a := x.dict
	if plain {
		a = x.plain
	}
	a.Retain()
	return a
}

func (x nulls) release() {
	x.plain.Release()
	x.dict.Release()
}
