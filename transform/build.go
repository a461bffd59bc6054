package transform

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// Arrays are built over plain Go memory: one allocation for the values and
// one for the validity, none for a cell.

func bytesOf[T any](s []T) *memory.Buffer {
	if len(s) == 0 {
		return memory.NewBufferBytes([]byte{})
	}
	return memory.NewBufferBytes(unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0]))))
}

// validity makes a bitmap of the rows for which ok is true, or nil for all.
func validity(n int, ok func(i int) bool) (*memory.Buffer, int) {
	bits := make([]byte, (n+7)/8)
	nulls := n
	for i := range n {
		if ok(i) {
			bits[i>>3] |= 1 << (i & 7)
			nulls--
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(bits), nulls
}

// codeBits is validity for codes, without a call for each.
func codeBits(codes []int32) (*memory.Buffer, int) {
	bits := make([]byte, (len(codes)+7)/8)
	nulls := len(codes)
	for i, c := range codes {
		if c != 0 {
			bits[i>>3] |= 1 << (i & 7)
			nulls--
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(bits), nulls
}

// dictionary makes a dictionary array of codes (entry + 1, 0 for null).
func dictionary(codes []int32, dict *array.String) arrow.Array {
	idx := make([]int32, len(codes))
	for i, c := range codes {
		idx[i] = max(c-1, 0)
	}
	bits, nulls := codeBits(codes)
	d := array.NewDataWithDictionary(dose.Dictionary, len(codes), []*memory.Buffer{bits, bytesOf(idx)}, nulls, 0, dict.Data().(*array.Data))
	defer d.Release()
	return array.NewDictionaryData(d)
}

// numbers makes an array of a type whose values are T.
func numbers[T any](dt arrow.DataType, values []T, bits *memory.Buffer, nulls int) arrow.Array {
	d := array.NewData(dt, len(values), []*memory.Buffer{bits, bytesOf(values)}, nil, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// booleans makes a boolean array: 0 null, 1 false, 2 true.
func booleans(n int, at func(i int) uint8) arrow.Array {
	bits := make([]byte, (n+7)/8)
	for i := range n {
		if at(i) == 2 {
			bits[i>>3] |= 1 << (i & 7)
		}
	}
	valid, nulls := validity(n, func(i int) bool { return at(i) != 0 })
	d := array.NewData(arrow.FixedWidthTypes.Boolean, n, []*memory.Buffer{valid, memory.NewBufferBytes(bits)}, nil, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// stringsOf makes a plain array of n strings; an empty one is null.
func stringsOf(n int, at func(i int) string) *array.String {
	offsets := make([]int32, n+1)
	size := 0
	for i := range n {
		size += len(at(i))
	}
	text := make([]byte, 0, size)
	for i := range n {
		text = append(text, at(i)...)
		offsets[i+1] = int32(len(text))
	}
	bits, nulls := validity(n, func(i int) bool { return offsets[i] != offsets[i+1] })
	d := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{bits, bytesOf(offsets), memory.NewBufferBytes(text)}, nil, nulls, 0)
	defer d.Release()
	return array.NewStringData(d)
}

// takeStrings copies the given rows, run by run: few are missing.
func takeStrings(a *array.String, rows []int32) *array.String {
	offsets := make([]int32, len(rows)+1)
	var text []byte
	if len(rows) > 0 {
		from, values := a.ValueOffsets(), a.ValueBytes()
		text = make([]byte, 0, len(values))
		for i := 0; i < len(rows); {
			j := i + 1
			for j < len(rows) && rows[j] == rows[j-1]+1 {
				j++
			}
			start, end := from[rows[i]]-from[0], from[rows[j-1]+1]-from[0]
			shift := int32(len(text)) - start - from[0]
			text = append(text, values[start:end]...)
			for ; i < j; i++ {
				offsets[i+1] = from[rows[i]+1] + shift
			}
		}
	}
	var bits *memory.Buffer
	nulls := 0
	if a.NullN() > 0 {
		bits, nulls = validity(len(rows), func(i int) bool { return a.IsValid(int(rows[i])) })
	}
	d := array.NewData(arrow.BinaryTypes.String, len(rows), []*memory.Buffer{bits, bytesOf(offsets), memory.NewBufferBytes(text)}, nil, nulls, 0)
	defer d.Release()
	return array.NewStringData(d)
}
