package release

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/dosebook/dosebook/dose"
)

// cellKind is what a column's values are, and how they are written.
type cellKind uint8

const (
	textKind cellKind = iota
	dateKind
	intKind
	bigKind
	boolKind
	microsKind
)

func (k cellKind) columnType() dose.Type {
	return [...]dose.Type{dose.Text, dose.Date, dose.Int, dose.Big, dose.Bool, dose.Time}[k]
}

// kindOf refuses what a release never holds: nested columns and other types.
func kindOf(f parquet.Field) (cellKind, error) {
	if !f.Leaf() || f.Repeated() {
		return 0, fmt.Errorf("column %s is nested: %w", f.Name(), dose.ErrInvalid)
	}
	var logical format.LogicalTypeValue
	if lt := f.Type().LogicalType(); lt != nil {
		logical = lt.Value
	}
	switch physical := f.Type().Kind(); l := logical.(type) {
	case nil:
		switch physical {
		case parquet.Int32:
			return intKind, nil
		case parquet.Int64:
			return bigKind, nil
		case parquet.Boolean:
			return boolKind, nil
		}
	case *format.StringType:
		return textKind, nil
	case *format.DateType:
		return dateKind, nil
	case *format.IntType:
		if l.IsSigned && physical == parquet.Int32 {
			return intKind, nil
		}
		if l.IsSigned {
			return bigKind, nil
		}
	case *format.TimestampType:
		if _, ok := l.Unit.Value.(*format.MicroSeconds); ok {
			return microsKind, nil
		}
	}
	return 0, fmt.Errorf("column %s has the type %s, which is not text, date, time in microseconds, integer or boolean: %w", f.Name(), f.Type(), dose.ErrInvalid)
}

// textColumn reads one column page by page and writes its cells one by one.
//
// Of a page with a dictionary only the codes are kept: two bytes a row where
// the dictionary allows, so that all columns of a row group fit in memory at
// once. Every entry is rendered once, with what stands before and after it.
type textColumn struct {
	name                string
	kind                cellKind
	json                bool
	sheet               bool // cells of XLSX, which stand whole in what append… writes
	digits              bool // sheet: integers as text
	long                bool // sheet: a text was longer than a cell holds
	before, after, null []byte

	pages parquet.Pages
	page  parquet.Page // held while its values are read in place
	n, at int          // rows of the page, rows done

	small []uint16 // codes, 0 for null, or …
	large []uint32 // … the same for large dictionaries
	dict  parquet.Dictionary
	text  []byte // rendered entries; entry 0 is null
	off   []uint32

	def  []byte // definition levels; empty when no row is null
	val  int    // values done
	vals []byte // text, or the bits of booleans
	ends []uint32
	i32  []int32
	i64  []int64
}

func newTextColumn(name string, k cellKind, json, last, only bool) textColumn {
	c := textColumn{name: name, kind: k, json: json}
	switch {
	case json:
		c.before = append(appendJSON([]byte{','}, []byte(name)), ':')
		return c
	case last:
		c.after = []byte{'\n'}
	default:
		c.after = []byte{','}
	}
	c.null = c.after
	if only {
		c.null = []byte("\"\"\n") // an empty line is no row to most readers
	}
	return c
}

func (c *textColumn) open(chunk parquet.ColumnChunk) {
	c.pages = chunk.Pages()
	c.dict, c.n, c.at = nil, 0, 0
}

func (c *textColumn) close() {
	c.release()
	if c.pages != nil {
		_ = c.pages.Close()
		c.pages = nil
	}
	c.dict = nil
}

func (c *textColumn) release() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
}

// rows says how many rows are at hand, and reads the next page when there are
// none.
func (c *textColumn) rows() (int, error) {
	for c.at == c.n {
		c.release()
		page, err := c.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("ends before its row group: %w", dose.ErrInvalid)
		}
		if err != nil {
			return 0, fmt.Errorf("unreadable (%w): %w", err, dose.ErrInvalid)
		}
		if err := c.take(page); err != nil {
			parquet.Release(page)
			return 0, err
		}
	}
	return c.n - c.at, nil
}

func (c *textColumn) take(page parquet.Page) error {
	c.n, c.at, c.val = int(page.NumRows()), 0, 0
	c.small, c.large = c.small[:0], c.large[:0]
	c.def = page.DefinitionLevels()
	values := c.n - int(page.NumNulls())
	if d := page.Dictionary(); d != nil {
		if d != c.dict {
			c.renderEntries(d)
		}
		data := page.Data()
		ids := data.Int32()
		if len(ids) < values {
			return fmt.Errorf("a page is cut short: %w", dose.ErrInvalid)
		}
		err := c.codes(ids[:values], d.Len())
		c.def = nil
		if err == nil {
			parquet.Release(page)
		}
		return err
	}
	have := 0
	data := page.Data()
	switch c.kind {
	case textKind:
		c.vals, c.ends = data.ByteArray()
		have = len(c.ends) - 1
	case dateKind, intKind:
		c.i32 = data.Int32()
		have = len(c.i32)
	case bigKind, microsKind:
		c.i64 = data.Int64()
		have = len(c.i64)
	case boolKind:
		c.vals = data.Boolean()
		have = len(c.vals) * 8
	}
	if have < values {
		return fmt.Errorf("a page is cut short: %w", dose.ErrInvalid)
	}
	c.page = page
	return nil
}

// codes keeps the page's dictionary indexes, moved by one so that 0 is null.
func (c *textColumn) codes(ids []int32, entries int) error {
	for _, id := range ids {
		if uint32(id) >= uint32(entries) {
			return fmt.Errorf("a value is not in its dictionary: %w", dose.ErrInvalid)
		}
	}
	if entries < math.MaxUint16 {
		c.small = spread(c.small, c.n, c.def, ids)
	} else {
		c.large = spread(c.large, c.n, c.def, ids)
	}
	return nil
}

func spread[T uint16 | uint32](out []T, n int, def []byte, ids []int32) []T {
	if cap(out) < n {
		out = make([]T, n)
	}
	out = out[:n]
	if len(ids) == n {
		for i, id := range ids {
			out[i] = T(id + 1)
		}
		return out
	}
	j := 0
	for i := range out {
		out[i] = 0
		if def[i] != 0 {
			out[i] = T(ids[j] + 1)
			j++
		}
	}
	return out
}

// renderEntries writes every entry of a dictionary once.
func (c *textColumn) renderEntries(d parquet.Dictionary) {
	c.dict = d
	c.text = append(c.text[:0], c.null...)
	c.off = append(c.off[:0], 0, uint32(len(c.text)))
	for i := range d.Len() {
		v := d.Index(int32(i))
		c.text = append(c.text, c.before...)
		switch c.kind {
		case textKind:
			c.text = c.appendText(c.text, v.ByteArray())
		case dateKind, intKind:
			c.text = c.appendInt32(c.text, v.Int32())
		case bigKind, microsKind:
			c.text = c.appendInt64(c.text, v.Int64())
		case boolKind:
			c.text = c.appendBool(c.text, v.Boolean())
		}
		c.text = append(c.text, c.after...)
		c.off = append(c.off, uint32(len(c.text)))
	}
}

// next writes the next row's cell. rows has said that there is one.
func (c *textColumn) next(buf []byte) []byte {
	i := c.at
	c.at++
	if i < len(c.small) {
		k := c.small[i]
		return append(buf, c.text[c.off[k]:c.off[k+1]]...)
	}
	if i < len(c.large) {
		k := c.large[i]
		return append(buf, c.text[c.off[k]:c.off[k+1]]...)
	}
	if len(c.def) > 0 && c.def[i] == 0 {
		return append(buf, c.null...)
	}
	j := c.val
	c.val++
	buf = append(buf, c.before...)
	switch c.kind {
	case textKind:
		buf = c.appendText(buf, c.vals[c.ends[j]:c.ends[j+1]])
	case dateKind, intKind:
		buf = c.appendInt32(buf, c.i32[j])
	case bigKind, microsKind:
		buf = c.appendInt64(buf, c.i64[j])
	case boolKind:
		buf = c.appendBool(buf, c.vals[j>>3]>>(j&7)&1 == 1)
	}
	return append(buf, c.after...)
}
