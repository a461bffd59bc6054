package cvrs

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// plainColumn gathers one column as plain strings.
type plainColumn struct {
	field uint16
	mem   memory.Allocator
	bound int // rows at most

	bits    validity
	offsets *memory.Buffer // nil until a cell holds something
	off     []int32
	values  *memory.Buffer
	n       int // bytes in values
}

// fill adds cell k of the chunk's rows.
func (c *plainColumn) fill(ch *chunk, k int, w *worker) {
	if c.offsets == nil {
		if allEmpty(ch, k) {
			return
		}
		c.bits.begin(c.mem, c.bound)
		c.offsets = memory.NewResizableBuffer(c.mem)
		c.offsets.Resize(4 * (c.bound + 1))
		c.off = arrow.Int32Traits.CastFromBytes(c.offsets.Bytes())
		clear(c.off[:ch.row+1])
		c.values = memory.NewResizableBuffer(c.mem)
	}
	c.reserve(ch)
	text, pos, first := ch.text, ch.pos, ch.first
	off := c.off[ch.row+1 : ch.row+1+len(first)]
	val, n := c.values.Buf(), c.n
	set := c.bits.writer(ch.row)
	for r, p := range first {
		from, to := pos[int(p)+k-1]+1, pos[int(p)+k]
		if from == to {
			off[r] = int32(n)
			set.add(0)
			continue
		}
		cell := text[from:to]
		if cell[0] == '"' {
			var wrapped bool
			if cell, wrapped = unwrap(cell); wrapped {
				w.issue(ch.row+r, w.lines[ch.row+r], dose.QuotesUnwrapped, c.field)
			}
		}
		if len(cell) <= short {
			src, dst := cell[:short], val[n:n+short]
			binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src))
			binary.LittleEndian.PutUint64(dst[8:], binary.LittleEndian.Uint64(src[8:]))
		} else {
			copy(val[n:], cell)
		}
		n += len(cell)
		off[r] = int32(n)
		set.add(min(uint64(len(cell)), 1))
	}
	set.flush()
	c.n = n
}

// reserve makes room for all that the chunk could hold. When it must grow it
// makes room for the rest of the block too, by what the rows so far took.
func (c *plainColumn) reserve(ch *chunk) {
	want := c.n + ch.size + short
	if want <= c.values.Cap() {
		return
	}
	if ch.row > 0 {
		want = max(want, c.n*c.bound/ch.row*17/16+ch.size+short)
	}
	c.values.Reserve(want)
}

// array returns the column of n rows, or nil when no cell held anything.
func (c *plainColumn) array(n int) arrow.Array {
	if c.offsets == nil {
		return nil
	}
	c.offsets.ResizeNoShrink(4 * (n + 1))
	c.values.ResizeNoShrink(c.n)
	valid, nulls := c.bits.buffer(n)
	data := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{valid, c.offsets, c.values}, nil, nulls, 0)
	defer data.Release()
	for _, b := range []*memory.Buffer{valid, c.offsets, c.values} {
		if b != nil {
			b.Release()
		}
	}
	return array.NewStringData(data)
}
