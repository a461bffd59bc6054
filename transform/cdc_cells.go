package transform

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
)

// cells is a raw column as it came: a dictionary, plain text, or nothing.
type cells struct {
	index *array.Int32 // with dict
	dict  *array.String
	text  *array.String
}

func readCells(a arrow.Array, n int) (cells, error) {
	switch a := a.(type) {
	case *array.Dictionary:
		index, ok1 := a.Indices().(*array.Int32)
		dict, ok2 := a.Dictionary().(*array.String)
		if ok1 && ok2 {
			if index.NullN() == n {
				return cells{}, nil
			}
			return cells{index: index, dict: dict}, nil
		}
	case *array.String:
		if a.NullN() == n {
			return cells{}, nil
		}
		return cells{text: a}, nil
	case *array.Null:
		return cells{}, nil
	}
	return cells{}, fmt.Errorf("%s is neither text nor a dictionary of text: %w", a.DataType(), dose.ErrInvalid)
}

func (c *cells) value(row int) string {
	switch {
	case c.dict != nil && c.index.IsValid(row):
		return c.dict.Value(int(c.index.Value(row)))
	case c.text != nil && c.text.IsValid(row):
		return c.text.Value(row)
	}
	return ""
}

func (c *cells) empty(row int) bool { return c.value(row) == "" }

// lookup returns f of a row's value. For a dictionary f is asked once for each
// of its values.
func lookup[T any](c *cells, f func(string) T) func(row int) T {
	blank := f("")
	switch {
	case c.dict != nil:
		t := make([]T, c.dict.Len())
		for e := range t {
			t[e] = f(c.dict.Value(e))
		}
		index, all := c.index.Int32Values(), c.index.NullN() == 0
		return func(row int) T {
			if all || c.index.IsValid(row) {
				return t[index[row]]
			}
			return blank
		}
	case c.text != nil:
		return func(row int) T { return f(c.value(row)) }
	}
	return func(int) T { return blank }
}

// each calls use with every row whose f is not zero, when there may be one.
func each[T comparable](c *cells, n int, f func(string) T, use func(row int, t T)) {
	var zero T
	switch {
	case c.dict != nil:
		any := c.index.NullN() > 0 && f("") != zero
		for e := 0; e < c.dict.Len() && !any; e++ {
			any = f(c.dict.Value(e)) != zero
		}
		if !any {
			return
		}
	case c.text == nil:
		if f("") == zero {
			return
		}
	}
	get := lookup(c, f)
	for row := range n {
		if t := get(row); t != zero {
			use(row, t)
		}
	}
}

// equalFold is strings.EqualFold behind the cheap question.
func equalFold(s, t string) bool { return len(s) == len(t) && (s == t || strings.EqualFold(s, t)) }
