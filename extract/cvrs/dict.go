package cvrs

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

const short = extract.Short

// lowA and lowB keep the bytes of a cell of n bytes in its two words.
var lowA, lowB = masks()

func masks() (a, b [32]uint64) {
	for n := range a {
		a[n], b[n] = 1<<(8*min(n, 8))-1, 1<<(8*max(min(n, short)-8, 0))-1
	}
	return a, b
}

// dictColumn gathers one column as a dictionary, in order of first appearance.
// Rows hold no NUL. Its tables stay for the next block.
type dictColumn struct {
	field uint16
	mem   memory.Allocator
	bound int // rows at most

	bits  validity
	index *memory.Buffer // nil until a cell holds something
	idx   []int32
	words extract.Words
	a, b  uint64 // the last short cell, and its number
	same  int32
}

func (c *dictColumn) begin(field uint16, bound int, mem memory.Allocator) {
	c.field, c.mem, c.bound = field, mem, bound
	c.bits.begin(mem, bound)
	c.index, c.idx = nil, nil
	c.words.Reset()
	c.a, c.b = 0, 0
}

// fill adds cell k of the chunk's rows.
func (c *dictColumn) fill(ch *chunk, k int, w *worker) {
	if c.index == nil {
		if allEmpty(ch, k) {
			return
		}
		c.index = memory.NewResizableBuffer(c.mem)
		c.index.Resize(4 * c.bound)
		c.idx = arrow.Int32Traits.CastFromBytes(c.index.Bytes())
		clear(c.idx[:ch.row])
	}
	text, pos, first := ch.text, ch.pos, ch.first
	idx := c.idx[ch.row : ch.row+len(first)]
	la, lb, same := c.a, c.b, c.same
	set := c.bits.writer(ch.row)
	for r, p := range first {
		from, to := pos[int(p)+k-1]+1, pos[int(p)+k]
		n := to - from
		if n == 0 {
			idx[r] = 0
			set.add(0)
			continue
		}
		cell := text[from : from+short]
		a := binary.LittleEndian.Uint64(cell) & lowA[n&31]
		if n > short || byte(a) == '"' {
			id, ok := c.odd(text[from:to], w, ch.row+r)
			idx[r] = id
			set.add(ok)
			continue
		}
		b := binary.LittleEndian.Uint64(cell[8:]) & lowB[n&31]
		if a != la || b != lb {
			la, lb, same = a, b, c.words.Pair(a, b)
		}
		idx[r] = same
		set.add(1)
	}
	set.flush()
	c.a, c.b, c.same = la, lb, same
}

// odd adds a cell that is long or begins with a quote, and returns its number
// and 1, or 0 and 0 when it holds nothing. text has slack behind it.
func (c *dictColumn) odd(text []byte, w *worker, row int) (int32, uint64) {
	text, wrapped := unwrap(text)
	if wrapped {
		w.issue(row, w.lines[row], dose.QuotesUnwrapped, c.field)
	}
	if len(text) == 0 {
		return 0, 0
	}
	return c.words.Number(text), 1
}

// array returns the column of n rows, or nil when no cell held anything.
func (c *dictColumn) array(n int) arrow.Array {
	if c.words.Len() == 0 {
		c.bits.release()
		if c.index != nil { // cells of nothing but quotes
			c.index.Release()
		}
		return nil
	}
	offsets, text := c.words.Values()
	off := memory.NewResizableBuffer(c.mem)
	off.Resize(4 * len(offsets))
	copy(arrow.Int32Traits.CastFromBytes(off.Bytes()), offsets)
	val := memory.NewResizableBuffer(c.mem)
	val.Resize(len(text))
	copy(val.Bytes(), text)
	c.index.ResizeNoShrink(4 * n)
	valid, nulls := c.bits.buffer(n)
	return dictionary(n, nulls, valid, c.index, c.words.Len(), off, val)
}

// dictionary makes the array and gives up the buffers.
func dictionary(n, nulls int, valid, index *memory.Buffer, values int, off, val *memory.Buffer) arrow.Array {
	words := array.NewData(arrow.BinaryTypes.String, values, []*memory.Buffer{nil, off, val}, nil, 0, 0)
	data := array.NewDataWithDictionary(dose.Dictionary, n, []*memory.Buffer{valid, index}, nulls, 0, words)
	defer words.Release()
	defer data.Release()
	for _, b := range []*memory.Buffer{valid, index, off, val} {
		if b != nil {
			b.Release()
		}
	}
	a := array.NewDictionaryData(data)
	a.Dictionary() // made when first asked for: ask now, while one goroutine has it
	return a
}
