package transform

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// dict is a dictionary under construction: codes from 1, 0 for the empty
// string.
type dict struct {
	at     map[string]int32
	values []string
	frozen *array.String
}

func newDict(values ...string) dict {
	d := dict{at: map[string]int32{"": 0}}
	for _, v := range values {
		d.code(v)
	}
	return d
}

// code returns the value's code; a new value gets the next one.
func (d *dict) code(v string) int32 {
	c, ok := d.at[v]
	if !ok && d.frozen == nil {
		d.values = append(d.values, v)
		c = int32(len(d.values))
		d.at[v] = c
	}
	return c
}

func (d *dict) freeze() {
	d.frozen = stringsOf(len(d.values), func(i int) string { return d.values[i] })
}

// column makes an array of codes.
func (d *dict) column(codes []int32) arrow.Array {
	if d.frozen == nil {
		d.freeze()
	}
	return dictionary(codes, d.frozen)
}
