package suppress

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Link says that numbers of two tables add to the same: the days of a week to
// the week, the counties of a state to the state.
type Link struct {
	Name        string
	Left, Right Side
	AtMost      bool // the left is no more than the right: it leaves something out
}

// Side is one side of a link: the column of a table whose rows are added by
// group. Rows with no group are in no sum.
type Side struct {
	Table  int // in order of the chain's rules
	Column string
	Group  func(row []string) string
}

// link adds the relations of a link, one for each group that both sides have.
// A number that neither side's table holds is zero. One that does not hold is
// left out and noted: no exact bound follows from it.
func (c *Chain) link(l Link, tables []*Table, cells [][][]int32) error {
	if tables[l.Left.Table] == nil || tables[l.Right.Table] == nil {
		return nil
	}
	left, err := c.groups(l.Left, tables, cells)
	if err != nil {
		return err
	}
	right, err := c.groups(l.Right, tables, cells)
	if err != nil {
		return err
	}
	for _, g := range slices.Sorted(maps.Keys(right)) {
		if len(left[g]) == 0 {
			continue
		}
		terms := make([]Term, 0, len(left[g])+len(right[g])+1)
		var rest int64
		blank := false
		for i, side := range [2][]int32{left[g], right[g]} {
			for _, n := range side {
				x := &c.System.Cells[n]
				coef := int8(1 - 2*i)
				terms, rest, blank = append(terms, Term{n, coef}), rest-int64(coef)*x.Value, blank || x.Blank
			}
		}
		if !blank && (rest < 0 || rest > 0 && !l.AtMost) {
			c.Broken = append(c.Broken, fmt.Sprintf("%s: %s: %s", l.Name, l.Left.Column, g))
			continue
		}
		if !c.fresh(terms) {
			continue
		}
		if l.AtMost {
			terms = append(terms, Term{c.System.Add(Cell{Value: rest, Slack: true, Blank: blank}), 1})
		}
		if err := c.System.Relate(terms...); err != nil {
			return err
		}
	}
	return nil
}

// groups are the cells of a side by group.
func (c *Chain) groups(s Side, tables []*Table, cells [][][]int32) (map[string][]int32, error) {
	k := slices.Index(c.rules[s.Table].Counts, s.Column)
	if k < 0 {
		return nil, fmt.Errorf("link: table %d has no count %q", s.Table, s.Column)
	}
	out := map[string][]int32{}
	for i, row := range tables[s.Table].Rows {
		if g := s.Group(row); g != "" {
			out[g] = append(out[g], cells[s.Table][i][k])
		}
	}
	return out, nil
}

// Show returns a table as it goes out: what is hidden is empty, and so is each
// statistic made from it. cells are what Publish returned for the table.
func (c *Chain) Show(n int, t *Table, cells [][]int32) (*Table, error) {
	r := c.rules[n]
	at := map[string]int{}
	for _, name := range slices.Concat(r.Counts, slices.Collect(maps.Keys(r.Derived))) {
		i, err := t.column(name, "counts")
		if err != nil {
			return nil, err
		}
		at[name] = i
	}
	out := &Table{Name: t.Name, Columns: t.Columns, Lines: t.Lines, Rows: make([][]string, len(t.Rows))}
	for i, row := range t.Rows {
		line := slices.Clone(row)
		for k, name := range r.Counts {
			if c.System.Cells[cells[i][k]].hidden() {
				line[at[name]] = ""
			}
		}
		for name, from := range r.Derived {
			if slices.ContainsFunc(from, func(x string) bool { return line[at[x]] == "" }) {
				line[at[name]] = ""
			}
		}
		out.Rows[i] = line
	}
	return out.without(r.Withhold), nil
}

// AttackPublished says what an outsider can work out of one publication of
// several tables, from the published tables alone. It returns the bounds of
// the empty cells, and where each stands: see Publish.
func AttackPublished(ctx context.Context, rules []*Rules, tables []*Table, links ...Link) ([]Bound, [][][]int32, error) {
	c := NewChain(rules...)
	cells, err := c.take(tables, links, true)
	if err != nil {
		return nil, nil, err
	}
	c.System.raiseLow()
	bounds, err := Attack(ctx, c.System)
	return bounds, cells, err
}
