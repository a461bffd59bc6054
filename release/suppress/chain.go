package suppress

import (
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// Chain is a series of publications of the same table, in order. Whoever kept
// all of them can compare: a number that went from 120 to 123 tells of three
// people, and one that is hidden today was perhaps shown last week.
//
// The attacker that it guards against knows which hidden numbers did not
// change from one release to the next: those are the same cell in both.
// So what was shown once stays known, what was hidden once and has not changed
// stays hidden, and each new table is protected together with all before it.
type Chain struct {
	System *System
	rules  *Rules
	of     map[string][]version // place in the table and column → its values so far
	seen   map[string]bool      // relations, by their cells
	count  int
}

// version is a value that a number had, and the cell that stands for it.
type version struct {
	value int64
	cell  int32
}

// NewChain starts a series of tables under the same rules. Growth of running
// sums that aren't published themselves isn't followed through a chain.
func NewChain(rules *Rules) *Chain {
	return &Chain{System: &System{}, rules: rules, of: map[string][]version{}, seen: map[string]bool{}}
}

// Add takes the next table as it is before suppression into the chain, and
// marks what must be hidden in it. Hidden(cells) tells afterwards what is. It
// returns the chain's cell of each count, by row and column of the rules.
func (c *Chain) Add(t *Table) ([][]int32, error) {
	sh, err := Build(t, c.rules, false)
	if err != nil {
		return nil, err
	}
	if len(sh.grown) > 0 {
		return nil, fmt.Errorf("%s: a chain wants what running sums sum among the counts: %w", t.Name, dose.ErrInvalid)
	}
	c.count++
	for i := range c.System.Cells { // what earlier releases show is out
		x := &c.System.Cells[i]
		x.Fixed = x.Fixed || x.State == Shown && !x.Slack
	}
	to := make([]int32, len(sh.System.Cells))
	for i := range to {
		to[i] = -1
	}
	out := make([][]int32, len(sh.cells))
	for row, cells := range sh.cells {
		out[row] = make([]int32, len(cells))
		for k, n := range cells {
			to[n] = c.cell(sh, row, k, n)
			out[row][k] = to[n]
		}
	}
	return out, c.relate(sh, to)
}

// cell finds the chain's cell for a number: that of the release before if the
// value is the same, or a new one. A value that comes back after another is a
// new cell too: that it is the old one again is nothing that anybody knows.
func (c *Chain) cell(sh *Sheet, row, k int, n int32) int32 {
	key := sh.key(row, -1, "") + sh.Rules.Counts[k]
	x := sh.System.Cells[n]
	if old := c.of[key]; len(old) > 0 && old[len(old)-1].value == x.Value {
		return old[len(old)-1].cell
	}
	if sh.asks(n) {
		c.hide(key, &x)
	}
	at := c.System.Add(x)
	c.of[key] = append(c.of[key], version{x.Value, at})
	return at
}

// hide marks a number that is small, or that differs by little from one that
// was shown: then it must be able to be anything from one to ten away.
func (c *Chain) hide(key string, x *Cell) {
	r := c.rules.Range
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
		key := make([]byte, 0, 5*len(terms))
		for i, t := range terms {
			n := to[t.Cell]
			if n >= 0 {
				key = append(key, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(t.Coef))
			}
			moved[i] = Term{n, t.Coef}
		}
		if c.seen[string(key)] {
			continue
		}
		c.seen[string(key)] = true
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
