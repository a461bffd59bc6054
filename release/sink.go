package release

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// sink is one column of one file's row group in the making. It gathers rows
// from sources, renumbering dictionaries by first use, so that what it holds
// depends on the rows alone.
type sink struct {
	kind  layout
	typ   arrow.DataType
	n     int
	nulls int
	valid []byte // bitmap; nil while no value is null

	seen map[string]int32 // dictLayout
	vals []byte           // dictLayout: entries, textLayout: values
	off  []int32
	i32  []int32 // dictLayout: numbers, intLayout, boolLayout: 0 or 1
	i64  []int64
}

func newSink(c dose.Column) sink {
	k := layoutOf(c)
	s := sink{kind: k, typ: c.Type.Arrow()}
	if k == textLayout {
		s.typ = arrow.BinaryTypes.String
	}
	return s
}

// mark notes whether the next row has a value.
func (s *sink) mark(ok bool) {
	if !ok && s.valid == nil {
		s.valid = make([]byte, bitutil.BytesForBits(int64(s.n+1024)))
		for i := range s.n >> 3 {
			s.valid[i] = 0xff
		}
		for i := s.n &^ 7; i < s.n; i++ {
			bitutil.SetBit(s.valid, i)
		}
	}
	if s.valid != nil {
		for s.n>>3 >= len(s.valid) {
			s.valid = append(s.valid, make([]byte, len(s.valid))...)
		}
		if ok {
			bitutil.SetBit(s.valid, s.n)
		} else {
			bitutil.ClearBit(s.valid, s.n)
			s.nulls++
		}
	}
	s.n++
}

// skip appends n nulls.
func (s *sink) skip(n int) {
	for range n {
		switch s.kind {
		case textLayout:
			s.endText()
		case bigLayout:
			s.i64 = append(s.i64, 0)
		default:
			s.i32 = append(s.i32, 0)
		}
		s.mark(false)
	}
}

// entry returns the number of a dictionary entry.
func (s *sink) entry(v string) int32 {
	if id, ok := s.seen[v]; ok {
		return id
	}
	if s.seen == nil {
		s.seen = map[string]int32{}
	}
	if len(s.off) == 0 {
		s.off = append(s.off, 0)
	}
	id := int32(len(s.off) - 1)
	s.vals = append(s.vals, v...)
	s.off = append(s.off, int32(len(s.vals)))
	s.seen[v] = id
	return id
}

func (s *sink) endText() {
	if len(s.off) == 0 {
		s.off = append(s.off, 0)
	}
	s.off = append(s.off, int32(len(s.vals)))
}

func (s *sink) text(v string) {
	s.i32 = append(s.i32, s.entry(v))
	s.mark(true)
}

func (s *sink) int(v int32) {
	s.i32 = append(s.i32, v)
	s.mark(true)
}

func (s *sink) big(v int64) {
	s.i64 = append(s.i64, v)
	s.mark(true)
}

// gather appends the given rows of src.
func (s *sink) gather(src *source, rows []int32) {
	if src.have == 0 {
		s.skip(len(rows))
		return
	}
	switch s.kind {
	case dictLayout:
		s.gatherDict(src, rows)
	case textLayout:
		s.gatherText(src, rows)
	case intLayout:
		for _, r := range rows {
			if at := src.at[r]; at >= 0 {
				s.int(src.i32[at])
			} else {
				s.skip(1)
			}
		}
	case bigLayout:
		for _, r := range rows {
			if at := src.at[r]; at >= 0 {
				s.big(src.i64[at])
			} else {
				s.skip(1)
			}
		}
	case boolLayout:
		for _, r := range rows {
			if at := src.at[r]; at < 0 {
				s.skip(1)
			} else if src.bits[at] {
				s.int(1)
			} else {
				s.int(0)
			}
		}
	}
}

func (s *sink) gatherDict(src *source, rows []int32) {
	if !src.isDict() { // the file kept this text plain
		for _, r := range rows {
			if v, ok := src.value(r); ok {
				s.text(v)
			} else {
				s.skip(1)
			}
		}
		return
	}
	src.epoch++
	for _, r := range rows {
		d := src.at[r]
		if d < 0 {
			s.skip(1)
			continue
		}
		if src.stamp[d] != src.epoch {
			src.stamp[d] = src.epoch
			src.local[d] = s.entry(src.dict[d])
		}
		s.int(src.local[d])
	}
}

func (s *sink) gatherText(src *source, rows []int32) {
	dict := src.isDict()
	for _, r := range rows {
		d := src.at[r]
		if d >= 0 {
			if dict {
				s.vals = append(s.vals, src.dict[d]...)
			} else {
				s.vals = append(s.vals, src.text[src.off[d]:src.off[d+1]]...)
			}
		}
		s.endText()
		s.mark(d >= 0)
	}
}

// array hands out what was gathered. It stays valid until reset.
func (s *sink) array() arrow.Array {
	var valid *memory.Buffer
	if s.nulls > 0 {
		valid = memory.NewBufferBytes(s.valid)
	}
	if (s.kind == dictLayout || s.kind == textLayout) && len(s.off) == 0 {
		s.off = append(s.off, 0)
	}
	text := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(s.off)), memory.NewBufferBytes(s.vals)}
	numbers := []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(s.i32))}
	switch s.kind {
	case dictLayout:
		entries := array.NewData(arrow.BinaryTypes.String, len(s.off)-1, text, nil, 0, 0)
		return array.NewDictionaryData(array.NewDataWithDictionary(s.typ, s.n, numbers, s.nulls, 0, entries))
	case textLayout:
		text[0] = valid
		return array.NewStringData(array.NewData(s.typ, s.n, text, nil, s.nulls, 0))
	case intLayout:
		return array.MakeFromData(array.NewData(s.typ, s.n, numbers, nil, s.nulls, 0))
	case bigLayout:
		big := memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(s.i64))
		return array.MakeFromData(array.NewData(s.typ, s.n, []*memory.Buffer{valid, big}, nil, s.nulls, 0))
	default:
		bits := make([]byte, bitutil.BytesForBits(int64(s.n)))
		for i, v := range s.i32 {
			if v != 0 {
				bitutil.SetBit(bits, i)
			}
		}
		return array.MakeFromData(array.NewData(s.typ, s.n, []*memory.Buffer{valid, memory.NewBufferBytes(bits)}, nil, s.nulls, 0))
	}
}

// reset forgets the rows and keeps the memory.
func (s *sink) reset() {
	clear(s.seen)
	s.n, s.nulls, s.valid = 0, 0, nil
	s.vals, s.off, s.i32, s.i64 = s.vals[:0], s.off[:0], s.i32[:0], s.i64[:0]
}
