package cvrs

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// validity gathers a column's validity bitmap, for all rows from the first.
type validity struct {
	mem   memory.Allocator
	bound int
	buf   *memory.Buffer
	valid int // bits that are set
}

func (v *validity) begin(mem memory.Allocator, bound int) {
	*v = validity{mem: mem, bound: bound}
}

// writer returns what adds the bits from row on. The buffer is made at the
// first call: rows before it are null.
func (v *validity) writer(row int) bitWriter {
	if v.buf == nil {
		v.buf = memory.NewResizableBuffer(v.mem)
		v.buf.Resize((v.bound + 63) / 64 * 8)
		clear(v.buf.Bytes())
	}
	b := bitWriter{v: v, out: v.buf.Bytes(), row: uint(row)}
	if row%64 != 0 {
		b.word = binary.LittleEndian.Uint64(b.out[row/64*8:])
		v.valid -= bits.OnesCount64(b.word)
	}
	return b
}

// bitWriter keeps the word it is at in a register.
type bitWriter struct {
	v    *validity
	out  []byte
	row  uint
	word uint64
}

// add adds a bit.
func (b *bitWriter) add(bit uint64) {
	b.word |= bit << (b.row & 63)
	if b.row++; b.row&63 == 0 {
		b.put(b.row - 64)
	}
}

func (b *bitWriter) put(row uint) {
	binary.LittleEndian.PutUint64(b.out[row/64*8:], b.word)
	b.v.valid += bits.OnesCount64(b.word)
	b.word = 0
}

// flush writes the last word, which may be only begun.
func (b *bitWriter) flush() {
	if b.row&63 != 0 {
		b.put(b.row &^ 63)
	}
}

// buffer returns the bitmap of n rows and the number of nulls; nil for none.
func (v *validity) buffer(n int) (*memory.Buffer, int) {
	if v.valid == n {
		v.release()
		return nil, 0
	}
	v.buf.ResizeNoShrink(int(bitutil.BytesForBits(int64(n))))
	return v.buf, n - v.valid
}

func (v *validity) release() {
	if v.buf != nil {
		v.buf.Release()
		v.buf = nil
	}
}

// allEmpty tells whether cell k is empty in all rows of the chunk.
func allEmpty(ch *chunk, k int) bool {
	var any uint32
	for _, p := range ch.first {
		any |= ch.pos[int(p)+k] - ch.pos[int(p)+k-1] - 1
	}
	return any == 0
}
