package extract

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// Short is the longest text, in bytes, that is compared as two machine words.
const Short = 16

// Words numbers distinct texts in order of first appearance. Those of up to
// Short bytes are two words, and a table finds them without touching their
// text: no text holds NUL, so the padding says where they end. Longer ones
// are found by hash and compared. Reset makes a zero value ready, and keeps the
// tables for the next batch. No text is empty.
type Words struct {
	off    []int32 // of the values in val; the first is 0
	val    []byte
	shorts []wordSlot // a power of two long
	longs  []longSlot
	nShort int
	nLong  int
	seed   maphash.Seed
	mix    [2]uint64 // so that nobody can choose texts that collide
	a, b   uint64    // the last short text, and its number
	same   int32
}

type wordSlot struct {
	a, b uint64 // a is 0 in an empty slot: no text begins with NUL
	id   int32
}

type longSlot struct {
	hash uint64
	id   int32 // from 1; 0 in an empty slot
}

// Reset forgets all texts.
func (w *Words) Reset() {
	w.off, w.val = append(w.off[:0], 0), w.val[:0]
	if w.shorts == nil {
		w.shorts, w.longs = make([]wordSlot, 64), make([]longSlot, 64)
		w.seed = maphash.MakeSeed()
		w.mix = [2]uint64{maphash.Bytes(w.seed, []byte{0}), maphash.Bytes(w.seed, []byte{1})}
	}
	clear(w.shorts)
	clear(w.longs)
	w.nShort, w.nLong, w.a, w.b = 0, 0, 0, 0
}

// Len returns how many distinct texts there are.
func (w *Words) Len() int { return len(w.off) - 1 }

// Values returns the texts, one behind the other, and where each begins: one
// offset more than texts. Valid until the next call that adds or resets.
func (w *Words) Values() (offsets []int32, text []byte) { return w.off, w.val }

// Number returns the number of text. One with Short readable bytes (capacity)
// is found faster.
func (w *Words) Number(text []byte) int32 {
	n := len(text)
	if n > Short {
		return w.long(text)
	}
	if cap(text) < Short {
		text = append(make([]byte, 0, Short), text...)
	}
	text = text[:Short]
	a, b := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])
	if n <= 8 {
		a, b = a&(1<<(8*n)-1), 0
	} else {
		b &= 1<<(8*(n-8)) - 1
	}
	if a != w.a || b != w.b {
		w.a, w.b, w.same = a, b, w.Pair(a, b)
	}
	return w.same
}

func (w *Words) hash(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^w.mix[0], b^w.mix[1]|1)
	return (hi ^ lo ^ a) * 0x9E3779B97F4A7C15 >> 20
}

// Pair returns the number of a text of up to Short bytes: the first eight in a,
// the others in b, little-endian, padded with NUL.
func (w *Words) Pair(a, b uint64) int32 {
	mask := uint64(len(w.shorts) - 1)
	i := w.hash(a, b) & mask
	for ; ; i = (i + 1) & mask {
		s := &w.shorts[i]
		if s.a == a && s.b == b {
			return s.id
		}
		if s.a == 0 {
			break
		}
	}
	id := int32(len(w.off) - 1)
	w.shorts[i] = wordSlot{a, b, id}
	w.val = binary.LittleEndian.AppendUint64(w.val, a)
	w.val = binary.LittleEndian.AppendUint64(w.val, b)
	n := (bits.Len64(a) + 7) / 8
	if b != 0 {
		n = 8 + (bits.Len64(b)+7)/8
	}
	w.val = w.val[:len(w.val)-Short+n]
	w.off = append(w.off, int32(len(w.val)))
	if w.nShort++; w.nShort*2 > len(w.shorts) {
		w.growShorts()
	}
	return id
}

func (w *Words) growShorts() {
	old := w.shorts
	w.shorts = make([]wordSlot, 4*len(old))
	mask := uint64(len(w.shorts) - 1)
	for _, s := range old {
		if s.a == 0 {
			continue
		}
		i := w.hash(s.a, s.b) & mask
		for w.shorts[i].a != 0 {
			i = (i + 1) & mask
		}
		w.shorts[i] = s
	}
}

func (w *Words) long(text []byte) int32 {
	hash, mask := maphash.Bytes(w.seed, text), uint64(len(w.longs)-1)
	i := hash & mask
	for ; w.longs[i].id != 0; i = (i + 1) & mask {
		s := &w.longs[i]
		if id := s.id - 1; s.hash == hash && bytes.Equal(w.val[w.off[id]:w.off[id+1]], text) {
			return id
		}
	}
	w.val = append(w.val, text...)
	w.off = append(w.off, int32(len(w.val)))
	id := int32(len(w.off) - 1)
	w.longs[i] = longSlot{hash, id}
	if w.nLong++; w.nLong*2 > len(w.longs) {
		w.growLongs()
	}
	return id - 1
}

func (w *Words) growLongs() {
	old := w.longs
	w.longs = make([]longSlot, 4*len(old))
	mask := uint64(len(w.longs) - 1)
	for _, s := range old {
		if s.id == 0 {
			continue
		}
		i := s.hash & mask
		for w.longs[i].id != 0 {
			i = (i + 1) & mask
		}
		w.longs[i] = s
	}
}
