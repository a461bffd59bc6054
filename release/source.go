package release

import (
	"errors"
	"fmt"
	"io"

	parquet "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/dosebook/dosebook/dose"
)

// layout is how a column is held while it is gathered.
type layout uint8

const (
	dictLayout layout = iota // text by dictionary
	textLayout               // text, plain
	intLayout                // int32, date
	bigLayout                // int64, time
	boolLayout
)

// manyValued text columns have so many values that a dictionary for each
// county costs more than it saves: -3 CPU s of 27 at 5 million rows.
var manyValued = map[string]bool{"lot_number": true, "recip_last_name": true, "recip_address_zip": true}

func layoutOf(c dose.Column) layout {
	switch c.Type {
	case dose.Text:
		if manyValued[c.Name] {
			return textLayout
		}
		return dictLayout
	case dose.LongTxt:
		return textLayout
	case dose.Date, dose.Int:
		return intLayout
	case dose.Bool:
		return boolLayout
	default:
		return bigLayout
	}
}

// source is one column chunk of a segment, decoded.
type source struct {
	at    []int32 // for each row: place among the values (dictionary or dense), -1 null
	dense bool    // no nulls
	have  int32   // values that are not null

	dict []string // text by dictionary
	off  []uint32 // plain text
	text []byte
	i32  []int32
	i64  []int64
	bits []bool

	// local numbers of the dictionary's entries for the sink that asked last
	stamp []uint32
	local []int32
	epoch uint32
}

func (s *source) isDict() bool { return len(s.dict) > 0 }

// load decodes a chunk of n rows. The file decides whether text comes by
// dictionary.
func (s *source) load(k layout, chunk parquet.ColumnChunk, n int) (err error) {
	s.at, s.dense, s.have = s.at[:0], true, 0
	s.dict, s.off, s.text, s.i32, s.i64, s.bits = s.dict[:0], s.off[:0], s.text[:0], s.i32[:0], s.i64[:0], s.bits[:0]
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	for {
		p, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read page: %w", err)
		}
		s.page(k, p)
		parquet.Release(p)
	}
	if len(s.at) != n {
		return errShort
	}
	return nil
}

func (s *source) page(k layout, p parquet.Page) {
	data := p.Data()
	var ids []int32
	switch {
	case (k == dictLayout || k == textLayout) && p.Dictionary() != nil:
		s.entries(p.Dictionary())
		ids = data.Int32()
	case k == dictLayout || k == textLayout:
		s.plain(data.ByteArray())
	case k == intLayout:
		s.i32 = values(s.i32, p, (*encoding.Values).Int32)
	case k == bigLayout:
		s.i64 = values(s.i64, p, (*encoding.Values).Int64)
	default:
		raw := data.Boolean()
		for i := range int(p.NumValues() - p.NumNulls()) {
			s.bits = append(s.bits, raw[i>>3]>>(i&7)&1 == 1)
		}
	}
	s.rows(p.DefinitionLevels(), int(p.NumRows()), ids)
}

// values appends a page's numbers, looked up where the writer used a dictionary.
func values[T int32 | int64](to []T, p parquet.Page, of func(*encoding.Values) []T) []T {
	data := p.Data()
	if p.Dictionary() == nil {
		return append(to, of(&data)...)
	}
	entries := p.Dictionary().Page().Data()
	lookup := of(&entries)
	for _, id := range data.Int32() {
		to = append(to, lookup[id])
	}
	return to
}

// entries reads the chunk's dictionary, once.
func (s *source) entries(d parquet.Dictionary) {
	if len(s.dict) > 0 {
		return
	}
	for i := range d.Len() {
		s.dict = append(s.dict, string(d.Index(int32(i)).ByteArray()))
	}
	s.stamp = append(s.stamp[:0], make([]uint32, len(s.dict))...)
	s.local = append(s.local[:0], make([]int32, len(s.dict))...)
	s.epoch = 0
}

func (s *source) plain(b []byte, offsets []uint32) {
	base := uint32(len(s.text)) - offsets[0]
	if len(s.off) > 0 {
		s.off = s.off[:len(s.off)-1]
	}
	for _, o := range offsets {
		s.off = append(s.off, base+o)
	}
	s.text = append(s.text, b[offsets[0]:offsets[len(offsets)-1]]...)
}

// rows notes which of a page's rows have a value; ids are dictionary indexes,
// or nil where values lie one after the other.
func (s *source) rows(levels []byte, n int, ids []int32) {
	j := int32(0)
	for i := range n {
		if len(levels) > 0 && levels[i] == 0 {
			s.at = append(s.at, -1)
			s.dense = false
			continue
		}
		if ids != nil {
			s.at = append(s.at, ids[j])
		} else {
			s.at = append(s.at, s.have+j)
		}
		j++
	}
	s.have += j
}

// value returns a row's text, if it has one.
func (s *source) value(row int32) (string, bool) {
	d := s.at[row]
	if d < 0 {
		return "", false
	}
	if s.isDict() {
		return s.dict[d], true
	}
	return string(s.text[s.off[d]:s.off[d+1]]), true
}
