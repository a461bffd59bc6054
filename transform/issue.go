package transform

import "github.com/dosebook/dosebook/dose"

// collector gathers issues column by column and hands them out row by row.
type collector struct{ found []dose.Issue }

func (c *collector) reset() { c.found = c.found[:0] }

func (c *collector) add(row int, check dose.Check, field int) {
	c.found = append(c.found, dose.Issue{Row: int32(row), Check: check, Field: uint16(field)})
}

// sorted returns the issues by row, in each row in the order they were found,
// without those of deletes: of a delete nothing but the key is used.
func (c *collector) sorted(n int, line []int64, dead []bool) []dose.Issue {
	if len(c.found) == 0 {
		return nil
	}
	at := make([]int32, n+1)
	for _, is := range c.found {
		if !dead[is.Row] {
			at[is.Row+1]++
		}
	}
	for i := range n {
		at[i+1] += at[i]
	}
	out := make([]dose.Issue, at[n])
	for _, is := range c.found {
		if dead[is.Row] {
			continue
		}
		is.Line = line[is.Row]
		out[at[is.Row]] = is
		at[is.Row]++
	}
	return out
}

// value is the value of a code above 0.
func (c *column) value(code int) string { return c.dict.Value(code - 1) }

// flag adds an issue to every row whose code is bad. Where no entry is bad,
// which is the rule, no row is looked at.
func (m *Mapper) flag(field int, check dose.Check, bad func(code int) bool) {
	m.doing = check
	if m.levels.Of(check) == dose.Off {
		return
	}
	c := &m.cols[field]
	table := make([]bool, c.entries()+1)
	any := false
	for e := range table {
		table[e] = bad(e)
		any = any || table[e]
	}
	if !any {
		return
	}
	for i, code := range c.codes {
		if table[code] {
			m.issues.add(i, check, field)
		}
	}
}
