package suppress

import (
	"crypto/sha256"
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// Chain is a series of publications of the same tables, in order. Whoever kept
// all of them can compare: a number that went from 120 to 123 tells of three
// people, and one that is hidden today was perhaps shown last week.
//
// The attacker that it guards against knows which hidden numbers did not
// change from one release to the next: those are the same cell in both.
// So what was shown once stays known, what was hidden once and has not changed
// stays hidden, and each new table is protected together with all before it.
type Chain struct {
	System *System
	Broken []string // links between tables that don't hold, by name and group: left out
	rules  []*Rules
	of     map[string][]version // place in the tables and column → its values so far
	seen   map[string]bool      // relations, by their cells
}

// version is a value that a number had, and the cell that stands for it.
type version struct {
	value int64
	cell  int32
}

// NewChain starts a series of publications of one or more tables, each under
// its rules. Growth of running sums that aren't published themselves isn't
// followed through a chain.
func NewChain(rules ...*Rules) *Chain {
	return &Chain{System: &System{}, rules: rules, of: map[string][]version{}, seen: map[string]bool{}}
}

// Add is Publish for a chain of one table.
func (c *Chain) Add(t *Table) ([][]int32, error) {
	cells, err := c.Publish([]*Table{t})
	if err != nil {
		return nil, err
	}
	return cells[0], nil
}

// Publish takes the next publication into the chain, each table as it is before
// suppression, in the order of the rules, nil where there is none this time,
// and marks what must be hidden in it. Protect(c.System) then hides the rest.
// It returns the chain's cell of each count, by table, row and column of the
// rules.
func (c *Chain) Publish(tables []*Table, links ...Link) ([][][]int32, error) {
	for i := range c.System.Cells { // what earlier publications show is out
		x := &c.System.Cells[i]
		x.Fixed = x.Fixed || x.State == Shown && !x.Slack
	}
	return c.take(tables, links, false)
}

func (c *Chain) take(tables []*Table, links []Link, blank bool) ([][][]int32, error) {
	out := make([][][]int32, len(tables))
	for n, t := range tables {
		if t == nil {
			continue
		}
		sh, err := Build(t, c.rules[n], blank)
		if err != nil {
			return nil, err
		}
		if len(sh.grown) > 0 {
			return nil, fmt.Errorf("%s: a chain wants what running sums sum among the counts: %w", t.Name, dose.ErrInvalid)
		}
		if out[n], err = c.sheet(n, sh); err != nil {
			return nil, err
		}
	}
	for _, l := range links {
		if err := c.link(l, tables, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sheet takes one table over.
func (c *Chain) sheet(table int, sh *Sheet) ([][]int32, error) {
	to := make([]int32, len(sh.System.Cells))
	for i := range to {
		to[i] = -1
	}
	out := make([][]int32, len(sh.cells))
	for row, cells := range sh.cells {
		out[row] = make([]int32, len(cells))
		key := fmt.Sprint(table, "\x1f", sh.key(row, -1, ""))
		for k, n := range cells {
			to[n] = c.cell(sh, key+sh.Rules.Counts[k], n)
			out[row][k] = to[n]
		}
	}
	return out, c.relate(sh, to)
}

// cell finds the chain's cell for a number: that of the release before if the
// value is the same, or a new one. A value that comes back after another is a
// new cell too: that it is the old one again is nothing that anybody knows.
func (c *Chain) cell(sh *Sheet, key string, n int32) int32 {
	x := sh.System.Cells[n]
	if x.Blank { // whether it is the old number nobody can see
		return c.System.Add(x)
	}
	if old := c.of[key]; len(old) > 0 && old[len(old)-1].value == x.Value {
		return old[len(old)-1].cell
	}
	if sh.asks(n) {
		c.hide(sh.Rules.Range, key, &x)
	}
	at := c.System.Add(x)
	c.of[key] = append(c.of[key], version{x.Value, at})
	return at
}

// hide marks a number that is small, or that differs by little from one that
// was shown: then it must be able to be anything from one to ten away.
func (c *Chain) hide(r Range, key string, x *Cell) {
	need := func(low, high int64) {
		if x.State == Shown {
			x.State, x.Low, x.High = Primary, max(1, low), high
			return
		}
		x.Low, x.High = min(x.Low, max(1, low)), max(x.High, high)
	}
	if x.Value >= r.Low && x.Value <= r.High {
		need(r.Low, r.High)
	}
	if x.Value == 0 {
		return
	}
	for _, v := range c.of[key] {
		if old := &c.System.Cells[v.cell]; old.State != Shown || v.value == 0 {
			continue
		}
		switch by := x.Value - v.value; {
		case by >= r.Low && by <= r.High:
			need(v.value+r.Low, v.value+r.High)
		case -by >= r.Low && -by <= r.High:
			need(v.value-r.High, max(1, v.value-r.Low))
		}
	}
}

// relate takes the new table's relations over, each once however often it is
// published again.
func (c *Chain) relate(sh *Sheet, to []int32) error {
	for r := range int32(sh.System.Relations()) {
		terms := sh.System.relation(r)
		moved := make([]Term, len(terms))
		for i, t := range terms {
			moved[i] = Term{to[t.Cell], t.Coef}
		}
		if !c.fresh(moved) {
			continue
		}
		for i, t := range terms {
			if moved[i].Cell < 0 { // slack
				moved[i].Cell = c.System.Add(sh.System.Cells[t.Cell])
			}
		}
		if err := c.System.Relate(moved...); err != nil {
			return err
		}
	}
	return nil
}

// fresh notes a relation between cells, and says whether it is a new one.
func (c *Chain) fresh(terms []Term) bool {
	key := make([]byte, 0, 5*len(terms))
	for _, t := range terms {
		if n := t.Cell; n >= 0 {
			key = append(key, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(t.Coef))
		}
	}
	sum := sha256.Sum256(key) // relations of a year of days are long
	if c.seen[string(sum[:])] {
		return false
	}
	c.seen[string(sum[:])] = true
	return true
}
