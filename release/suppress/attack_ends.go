package suppress

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// ends are the bounds of a group's unknowns, as far as they are needed: an end
// that some table is known to reach is no longer asked for. One linear program
// ends at a table that reaches the ends of many cells, so that few are solved.
type ends struct {
	need      []bool
	reach     [2][]float64 // what the low and the high end must reach
	done      [2][]bool
	low, high []float64
	lenient   bool
}

func (s *System) ends(group []int32) *ends {
	n := len(group)
	e := &ends{need: make([]bool, n), low: make([]float64, n), high: make([]float64, n),
		reach: [2][]float64{make([]float64, n), make([]float64, n)}, done: [2][]bool{make([]bool, n), make([]bool, n)}}
	for k, cell := range group {
		c := &s.Cells[cell]
		e.need[k] = c.needs()
		e.lenient = e.lenient || c.Blank
		e.reach[0][k], e.reach[1][k] = float64(c.Low-c.floor()), float64(c.High-c.floor())
		e.high[k] = math.Inf(1)
	}
	return e
}

// solve bounds each end that is asked for.
func (e *ends) solve(ctx context.Context, p *problem) error {
	t, err := e.start(p)
	if err != nil {
		return err
	}
	e.met(t)
	for k := range e.need {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.end(t, k); err != nil {
			return err
		}
	}
	return nil
}

// start finds a table. Where others hid the counts, nobody can see which
// relations hold, and tables that count people in other places need not: what
// contradicts the rest is left out then.
func (e *ends) start(p *problem) (*tableau, error) {
	for e.lenient {
		t, broken, err := phaseOne(p)
		if err != nil || len(broken) == 0 {
			return t, err
		}
		q := &problem{n: p.n}
		for r := range p.rows {
			if !slices.Contains(broken, r) {
				q.rows, q.right = append(q.rows, p.rows[r]), append(q.right, p.right[r])
			}
		}
		p = q
	}
	return newTableau(p)
}

func (e *ends) end(t *tableau, k int) error {
	if !e.need[k] {
		return nil
	}
	if !e.done[0][k] {
		v, err := t.least(k, 1)
		if err != nil {
			return fmt.Errorf("least of unknown %d: %w", k, err)
		}
		e.low[k], e.done[0][k] = v, true
		e.met(t)
	}
	if !e.done[1][k] {
		v, err := t.least(k, -1)
		if err != nil {
			return fmt.Errorf("most of unknown %d: %w", k, err)
		}
		e.high[k], e.done[1][k] = -v, true
		e.met(t)
	}
	return nil
}

// met notes the ends that the tableau's table reaches.
func (e *ends) met(t *tableau) {
	x := make([]float64, t.n)
	for r, b := range t.basis {
		x[b] = t.a[r][t.n]
	}
	for k, v := range x {
		if !e.need[k] {
			continue
		}
		if !e.done[0][k] && v <= e.reach[0][k]+tolerance/2 {
			e.low[k], e.done[0][k] = e.reach[0][k], true
		}
		if !e.done[1][k] && v >= e.reach[1][k]-tolerance/2 {
			e.high[k], e.done[1][k] = e.reach[1][k], true
		}
	}
}

// attackPieces bounds a group by propagation, and then by linear programs over
// pieces of it: the relations that lie wholly among the unknowns nearest to a
// cell. What a piece says is true of the whole; what it can't say, the whole
// might.
func (s *System) attackPieces(ctx context.Context, group []int32, p *problem, e *ends) error {
	e.low, e.high = p.propagate()
	of := make([][]int, p.n)
	for r, row := range p.rows {
		for _, x := range row {
			of[x.k] = append(of[x.k], r)
		}
	}
	done := make([]bool, p.n)
	for k := range group {
		if done[k] || !e.need[k] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.near(k, of).attack(ctx, e, done); err != nil {
			return err
		}
	}
	return nil
}

// fragment is a part of a problem, with its unknowns by number in the whole.
type fragment struct {
	*problem
	of    []int
	whole []bool // unknowns all of whose relations are in it
}

// near takes the unknowns nearest to k, and the relations wholly among them.
func (p *problem) near(k int, of [][]int) *fragment {
	at, rows := map[int]int{k: 0}, map[int]bool{}
	f := &fragment{problem: &problem{}, of: []int{k}}
	for i := 0; i < len(f.of) && len(f.of) < piece; i++ {
		for _, r := range of[f.of[i]] {
			if rows[r] || i > 0 && len(f.of)+len(p.rows[r]) > 2*piece {
				continue
			}
			rows[r] = true
			for _, x := range p.rows[r] {
				if _, ok := at[x.k]; !ok {
					at[x.k] = len(f.of)
					f.of = append(f.of, x.k)
				}
			}
		}
	}
	f.n, f.whole = len(f.of), make([]bool, len(f.of))
	for i, u := range f.of {
		f.whole[i] = true
		for _, r := range of[u] {
			f.whole[i] = f.whole[i] && rows[r]
		}
	}
	for _, u := range f.of { // in an order that is the same each time
		for _, r := range of[u] {
			if !rows[r] {
				continue
			}
			delete(rows, r)
			row := make([]entry, len(p.rows[r]))
			for j, x := range p.rows[r] {
				row[j] = entry{at[x.k], x.a}
			}
			f.rows, f.right = append(f.rows, row), append(f.right, p.right[r])
		}
	}
	return f
}

// attack solves a fragment for the cells that it holds whole, and for its first.
func (f *fragment) attack(ctx context.Context, e *ends, done []bool) error {
	own := &ends{lenient: e.lenient, need: make([]bool, f.n), low: make([]float64, f.n), high: make([]float64, f.n),
		reach: [2][]float64{make([]float64, f.n), make([]float64, f.n)}, done: [2][]bool{make([]bool, f.n), make([]bool, f.n)}}
	for i, u := range f.of {
		own.need[i] = e.need[u] && !done[u] && (i == 0 || f.whole[i])
		own.reach[0][i], own.reach[1][i] = e.reach[0][u], e.reach[1][u]
		own.high[i] = math.Inf(1)
	}
	if err := own.solve(ctx, f.problem); err != nil {
		return err
	}
	for i, u := range f.of {
		if own.need[i] {
			done[u] = true
			e.low[u], e.high[u] = max(e.low[u], own.low[i]), min(e.high[u], own.high[i])
		}
	}
	return nil
}
