package suppress

import (
	"encoding/gob"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// kept is a chain as it is written: the same chain gives the same bytes.
type kept struct {
	Tables [][]string // counts of each table's rules
	Cells  []Cell
	Terms  []Term
	Starts []int32
	Keys   []string
	Values [][]int64
	Of     [][]int32
	Seen   []string
}

// Keep writes the chain down, for the next publication to follow. It holds
// every count, hidden ones too: whoever has it has them.
func (c *Chain) Keep(w io.Writer) error {
	k := kept{Tables: c.counts(), Cells: c.System.Cells, Terms: c.System.terms, Starts: c.System.starts,
		Keys: slices.Sorted(maps.Keys(c.of)), Seen: slices.Sorted(maps.Keys(c.seen))}
	for _, key := range k.Keys {
		var values []int64
		var cells []int32
		for _, v := range c.of[key] {
			values, cells = append(values, v.value), append(cells, v.cell)
		}
		k.Values, k.Of = append(k.Values, values), append(k.Of, cells)
	}
	return gob.NewEncoder(w).Encode(&k)
}

// ReadChain reads what Keep wrote. The tables must have the counts that they
// had.
func ReadChain(r io.Reader, rules ...*Rules) (*Chain, error) {
	var k kept
	if err := gob.NewDecoder(r).Decode(&k); err != nil {
		return nil, fmt.Errorf("what was published before can't be read: %w", err)
	}
	c := NewChain(rules...)
	if !slices.EqualFunc(k.Tables, c.counts(), slices.Equal) {
		return nil, fmt.Errorf("the tables have other counts than those published before: %w", dose.ErrInvalid)
	}
	c.System.Cells, c.System.terms, c.System.starts = k.Cells, k.Terms, k.Starts
	for i, key := range k.Keys {
		for j, v := range k.Values[i] {
			c.of[key] = append(c.of[key], version{v, k.Of[i][j]})
		}
	}
	for _, s := range k.Seen {
		c.seen[s] = true
	}
	return c, nil
}

func (c *Chain) counts() (out [][]string) {
	for _, r := range c.rules {
		out = append(out, r.Counts)
	}
	return out
}
