package cvrs

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// short is the longest cell that is compared as two words.
const short = 16

// lowA and lowB keep the bytes of a cell of n bytes in its two words.
var lowA, lowB = masks()

func masks() (a, b [32]uint64) {
	for n := range a {
		a[n], b[n] = 1<<(8*min(n, 8))-1, 1<<(8*max(min(n, short)-8, 0))-1
	}
	return a, b
}

// dictColumn gathers one column as a dictionary, in order of first appearance.
// Cells of up to 16 bytes are two words, and a table finds them without
// touching their text: rows hold no NUL, so the padding says where they end.
// Longer ones are found by hash and compared. Its tables stay for the next
// block.
type dictColumn struct {
	field uint16
	mem   memory.Allocator
	bound int // rows at most

	bits  validity
	index *memory.Buffer // nil until a cell holds something
	idx   []int32
	off   []int32 // of the dictionary's values
	val   []byte

	words  []wordSlot // a power of two long
	nWords int
	longs  []longSlot
	nLongs int
	seed   maphash.Seed
	mix    [2]uint64 // so that nobody can choose cells that collide
	a, b   uint64    // the last short cell, and its number
	same   int32
}

type wordSlot struct {
	a, b uint64 // a is 0 in an empty slot: no cell begins with NUL
	id   int32
}

type longSlot struct {
	hash uint64
	id   int32 // from 1; 0 in an empty slot
}

func (c *dictColumn) begin(field uint16, bound int, mem memory.Allocator) {
	c.field, c.mem, c.bound = field, mem, bound
	c.bits.begin(mem, bound)
	c.index, c.idx = nil, nil
	c.off, c.val = append(c.off[:0], 0), c.val[:0]
	if c.words == nil {
		c.words = make([]wordSlot, 64)
		c.seed = maphash.MakeSeed()
		c.mix = [2]uint64{maphash.Bytes(c.seed, []byte{0}), maphash.Bytes(c.seed, []byte{1})}
	}
	clear(c.words)
	clear(c.longs)
	c.nWords, c.nLongs, c.a, c.b = 0, 0, 0, 0
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
			la, lb, same = a, b, c.find(a, b)
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
	n := len(text)
	switch {
	case n == 0:
		return 0, 0
	case n > short:
		return c.findLong(text), 1
	}
	cell := text[:short]
	return c.find(binary.LittleEndian.Uint64(cell)&lowA[n], binary.LittleEndian.Uint64(cell[8:])&lowB[n]), 1
}

func (c *dictColumn) hash(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^c.mix[0], b^c.mix[1]|1)
	return (hi ^ lo ^ a) * 0x9E3779B97F4A7C15 >> 20
}

// find returns the number of a short cell.
func (c *dictColumn) find(a, b uint64) int32 {
	mask := uint64(len(c.words) - 1)
	i := c.hash(a, b) & mask
	for ; ; i = (i + 1) & mask {
		s := &c.words[i]
		if s.a == a && s.b == b {
			return s.id
		}
		if s.a == 0 {
			break
		}
	}
	id := int32(len(c.off) - 1)
	c.words[i] = wordSlot{a, b, id}
	c.val = binary.LittleEndian.AppendUint64(c.val, a)
	c.val = binary.LittleEndian.AppendUint64(c.val, b)
	n := (bits.Len64(a) + 7) / 8
	if b != 0 {
		n = 8 + (bits.Len64(b)+7)/8
	}
	c.val = c.val[:len(c.val)-short+n]
	c.off = append(c.off, int32(len(c.val)))
	if c.nWords++; c.nWords*2 > len(c.words) {
		c.growWords()
	}
	return id
}

func (c *dictColumn) growWords() {
	old := c.words
	c.words = make([]wordSlot, 4*len(old))
	mask := uint64(len(c.words) - 1)
	for _, s := range old {
		if s.a == 0 {
			continue
		}
		i := c.hash(s.a, s.b) & mask
		for c.words[i].a != 0 {
			i = (i + 1) & mask
		}
		c.words[i] = s
	}
}

// findLong returns the number of a cell of more than 16 bytes.
func (c *dictColumn) findLong(text []byte) int32 {
	if c.longs == nil {
		c.longs = make([]longSlot, 64)
	}
	hash, mask := maphash.Bytes(c.seed, text), uint64(len(c.longs)-1)
	i := hash & mask
	for ; c.longs[i].id != 0; i = (i + 1) & mask {
		s := &c.longs[i]
		if id := s.id - 1; s.hash == hash && bytes.Equal(c.val[c.off[id]:c.off[id+1]], text) {
			return id
		}
	}
	c.val = append(c.val, text...)
	c.off = append(c.off, int32(len(c.val)))
	id := int32(len(c.off) - 1)
	c.longs[i] = longSlot{hash, id}
	if c.nLongs++; c.nLongs*2 > len(c.longs) {
		c.growLongs()
	}
	return id - 1
}

func (c *dictColumn) growLongs() {
	old := c.longs
	c.longs = make([]longSlot, 4*len(old))
	mask := uint64(len(c.longs) - 1)
	for _, s := range old {
		if s.id == 0 {
			continue
		}
		i := s.hash & mask
		for c.longs[i].id != 0 {
			i = (i + 1) & mask
		}
		c.longs[i] = s
	}
}

// array returns the column of n rows, or nil when no cell held anything.
func (c *dictColumn) array(n int) arrow.Array {
	if len(c.off) == 1 {
		c.bits.release()
		if c.index != nil { // cells of nothing but quotes
			c.index.Release()
		}
		return nil
	}
	off := memory.NewResizableBuffer(c.mem)
	off.Resize(4 * len(c.off))
	copy(arrow.Int32Traits.CastFromBytes(off.Bytes()), c.off)
	val := memory.NewResizableBuffer(c.mem)
	val.Resize(len(c.val))
	copy(val.Bytes(), c.val)
	c.index.ResizeNoShrink(4 * n)
	valid, nulls := c.bits.buffer(n)
	return dictionary(n, nulls, valid, c.index, len(c.off)-1, off, val)
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
