package transform

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	"github.com/dosebook/dosebook/dose"
)

// column is one raw column, cleaned: white space around a value removed, an
// empty value made null, codes in upper case. Cleaning, and every rule after
// it, looks at each distinct value once.
//
// Text columns are held as codes into a dictionary, LongTxt columns as plain
// strings, whichever way they came.
type column struct {
	field int
	name  string
	long  bool
	set   *dose.CodeSet // nil for free text

	same  arrow.Array   // as it came, when nothing had to be changed; else nil
	codes []int32       // text: entry + 1 of each row, 0 for null
	dict  *array.String // text: the entries; nil when the column is empty
	text  *array.String // long
}

func newColumn(i int, c dose.Column) column {
	set, _ := dose.Codes(c.Name)
	return column{field: i, name: c.Name, long: c.Type == dose.LongTxt, set: set}
}

// entries is the number of distinct values.
func (c *column) entries() int {
	if c.dict == nil {
		return 0
	}
	return c.dict.Len()
}

// table makes a lookup table by code: element 0 is the zero T, for null.
func table[T any](c *column, f func(value string) T) []T {
	t := make([]T, c.entries()+1)
	for e := range c.entries() {
		t[e+1] = f(c.dict.Value(e))
	}
	return t
}

// read is a table of what values say: f gets them without the characters that
// can't be seen, and with plain letters and digits for those of full width or
// of another script. What was reported stays as it was reported.
func read[T any](c *column, f func(value string) T) []T {
	return table(c, func(s string) T { return f(plain(s)) })
}

func (c *column) clean(s string) string {
	if edge(s) {
		s = strings.TrimSpace(s)
	}
	if c.set != nil {
		s = strings.ToUpper(s)
	}
	return s
}

// edge tells whether a value may need trimming: cheap, and rarely true.
func edge(s string) bool {
	if s == "" {
		return true
	}
	a, b := s[0], s[len(s)-1]
	return a <= ' ' || b <= ' ' || a >= 0x80 || b >= 0x80
}

func (c *column) bind(a arrow.Array, n int) error {
	c.same, c.dict, c.text = nil, nil, nil
	switch a := a.(type) {
	case *array.Dictionary:
		idx, ok1 := a.Indices().(*array.Int32)
		dict, ok2 := a.Dictionary().(*array.String)
		if !ok1 || !ok2 {
			break
		}
		if c.long {
			c.flatten(idx, dict, n)
		} else {
			c.bindDict(a, idx, dict, n)
		}
		return nil
	case *array.String:
		if c.long {
			c.bindText(a, n)
		} else {
			c.encode(a, n)
		}
		return nil
	case *array.Null:
		c.codes = resize(c.codes, n)
		clear(c.codes)
		if c.long {
			c.text = stringsOf(n, func(int) string { return "" })
		}
		return nil
	}
	return fmt.Errorf("%s is neither text nor a dictionary of text: %w", a.DataType(), dose.ErrInvalid)
}

func (c *column) unbind() {
	if c.dict != nil {
		c.dict.Release()
	}
	if c.text != nil {
		c.text.Release()
	}
	c.same, c.dict, c.text = nil, nil, nil
}

// bindDict takes a dictionary as it is, unless a value changes by cleaning.
func (c *column) bindDict(a *array.Dictionary, idx *array.Int32, dict *array.String, n int) {
	c.codes = resize(c.codes, n)
	if a.NullN() == n {
		clear(c.codes) // whatever the dictionary holds, nothing points at it
		c.same = a
		return
	}
	to, values := c.distinct(dict)
	if values == nil {
		c.same, c.dict = a, dict
		dict.Retain()
	} else {
		c.dict = stringsOf(len(values), func(i int) string { return values[i] })
	}
	gather(c.codes, idx, to)
}

// distinct cleans the entries. It returns the code of each entry + 1, and the
// values where they differ from the dictionary, else nil.
func (c *column) distinct(dict *array.String) (to []int32, values []string) {
	to = make([]int32, dict.Len())
	changed := false
	for e := range to {
		to[e] = int32(e + 1)
		if dict.IsNull(e) {
			changed = true
		} else if s := dict.Value(e); s == "" || c.clean(s) != s {
			changed = true
		}
	}
	if !changed {
		return to, nil
	}
	at := make(map[string]int32, len(to)+1)
	at[""] = 0
	values = make([]string, 0, len(to))
	for e := range to {
		s := ""
		if dict.IsValid(e) {
			s = c.clean(dict.Value(e))
		}
		code, ok := at[s]
		if !ok {
			values = append(values, s)
			code = int32(len(values))
			at[s] = code
		}
		to[e] = code
	}
	return to, values
}

// gather sets each row's code from its index.
func gather(codes []int32, idx *array.Int32, to []int32) {
	values := idx.Int32Values()
	if idx.NullN() == 0 {
		for i, v := range values {
			codes[i] = to[v]
		}
		return
	}
	bits, off := idx.NullBitmapBytes(), idx.Data().Offset()
	for i, v := range values {
		codes[i] = 0
		if bitutil.BitIsSet(bits, off+i) {
			codes[i] = to[v]
		}
	}
}

// encode makes a dictionary of a text column that came as plain strings.
func (c *column) encode(a *array.String, n int) {
	c.codes = resize(c.codes, n)
	at := map[string]int32{"": 0}
	var values []string
	for i := range n {
		c.codes[i] = 0
		if a.IsNull(i) {
			continue
		}
		s := a.Value(i)
		code, ok := at[s]
		if !ok {
			v := c.clean(s)
			if code, ok = at[v]; !ok {
				values = append(values, v)
				code = int32(len(values))
				at[v] = code
			}
			at[s] = code
		}
		c.codes[i] = code
	}
	if len(values) > 0 {
		c.dict = stringsOf(len(values), func(i int) string { return values[i] })
	}
}

// bindText takes plain strings as they are, unless one changes by cleaning.
func (c *column) bindText(a *array.String, n int) {
	for i := range n {
		if s := a.Value(i); edge(s) && a.IsValid(i) && (s == "" || c.clean(s) != s) {
			c.text = stringsOf(n, func(i int) string {
				if a.IsNull(i) {
					return ""
				}
				return c.clean(a.Value(i))
			})
			return
		}
	}
	a.Retain()
	c.same, c.text = a, a
}

// flatten makes plain strings of a dictionary.
func (c *column) flatten(idx *array.Int32, dict *array.String, n int) {
	to := make([]string, dict.Len())
	for e := range to {
		if dict.IsValid(e) {
			to[e] = c.clean(dict.Value(e))
		}
	}
	c.text = stringsOf(n, func(i int) string {
		if idx.IsNull(i) {
			return ""
		}
		return to[idx.Value(i)]
	})
}

// take leaves the given rows, which are in rising order.
func (c *column) take(rows []int32) {
	switch {
	case c.long:
		old := c.text
		c.same, c.text = nil, takeStrings(old, rows)
		old.Release()
	case c.codes == nil: // line
	case c.dict == nil:
		c.codes = c.codes[:len(rows)]
	default:
		c.same = nil
		for to, from := range rows {
			c.codes[to] = c.codes[from]
		}
		c.codes = c.codes[:len(rows)]
	}
}

// array returns the cleaned column; the caller releases it.
func (c *column) array() arrow.Array {
	switch {
	case c.same != nil && c.same.Len() != c.len(): // all null, so its head will do
		return array.NewSlice(c.same, 0, int64(c.len()))
	case c.same != nil:
		c.same.Retain()
		return c.same
	case c.long:
		c.text.Retain()
		return c.text
	case c.dict == nil:
		empty := stringsOf(0, nil)
		defer empty.Release()
		return dictionary(c.codes, empty)
	}
	return dictionary(c.codes, c.dict)
}

func (c *column) len() int {
	if c.long {
		return c.text.Len()
	}
	return len(c.codes)
}
