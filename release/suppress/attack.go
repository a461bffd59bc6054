package suppress

import (
	"context"
	"slices"
)

// Bound is what an outsider can say of a hidden cell: at least that it is no
// less than Low and no more than High. Where a table was met that reaches the
// end of the cell's range, the bound is that end, and nobody looked further.
type Bound struct {
	Cell      int32
	Low, High float64 // High is +Inf where nothing bounds it
	Leak      bool    // narrower than the cell's range
	Rough     bool    // by propagation and programs over pieces: too many unknowns for one
}

// unknowns that a dense linear program still takes in reasonable time, and
// those of a piece of a larger group.
const (
	unknowns = 600
	piece    = 120
)

// Attack works out the bounds of each hidden cell that needs protection from
// what is published alone: the shown cells, the relations, and that what is
// hidden is one or more. It uses linear programming over each set of hidden
// cells that hang together, and never looks at a hidden value. A leak that it
// finds is one; that it finds none is no proof where relations of three
// dimensions meet, since counts are whole numbers: see Check.
func Attack(ctx context.Context, s *System) ([]Bound, error) {
	s.index()
	var out []Bound
	for _, group := range s.groups() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		bounds, err := s.attackGroup(ctx, group)
		if err != nil {
			return nil, err
		}
		out = append(out, bounds...)
	}
	for i := range out {
		c := &s.Cells[out[i].Cell]
		if c.Blank && out[i].Low > float64(c.High) {
			continue // plainly hidden for another's sake
		}
		out[i].Leak = out[i].Low > float64(c.Low)+tolerance || out[i].High < float64(c.High)-tolerance
	}
	return out, nil
}

const tolerance = 1e-6

// groups are the hidden cells that hang together by relations.
func (s *System) groups() [][]int32 {
	done := make([]bool, len(s.Cells))
	var out [][]int32
	for i := range s.Cells {
		if done[i] || !s.Cells[i].hidden() {
			continue
		}
		group, needs := []int32{int32(i)}, false
		done[i] = true
		for k := 0; k < len(group); k++ {
			needs = needs || s.Cells[group[k]].needs()
			for _, l := range s.links(group[k]) {
				for _, t := range s.relation(l.relation) {
					if !done[t.Cell] && s.Cells[t.Cell].hidden() {
						done[t.Cell] = true
						group = append(group, t.Cell)
					}
				}
			}
		}
		if needs {
			out = append(out, group)
		}
	}
	return out
}

// attackGroup bounds one group: all at once, or, where it is too large,
// relation by relation and then piece by piece.
func (s *System) attackGroup(ctx context.Context, group []int32) ([]Bound, error) {
	p := s.problem(group)
	e := s.ends(group)
	if len(group) <= unknowns {
		err := e.solve(ctx, p)
		return s.bounds(group, e, false), err
	}
	err := s.attackPieces(ctx, group, p, e)
	return s.bounds(group, e, true), err
}

func (s *System) bounds(group []int32, e *ends, rough bool) []Bound {
	var out []Bound
	for k, c := range group {
		if s.Cells[c].needs() {
			f := float64(s.Cells[c].floor())
			out = append(out, Bound{Cell: c, Low: f + e.low[k], High: f + e.high[k], Rough: rough})
		}
	}
	return out
}

// problem is rows · x = right, x ≥ 0; x is by how much each unknown passes its
// floor.
type problem struct {
	rows  [][]entry
	right []float64
	n     int
}

// entry is a factor of an unknown.
type entry struct {
	k int
	a float64
}

func (s *System) problem(group []int32) *problem {
	column := make(map[int32]int, len(group))
	for k, c := range group {
		column[c] = k
	}
	p := &problem{n: len(group)}
	seen := map[int32]bool{}
	for _, c := range group {
		for _, l := range s.links(c) {
			if seen[l.relation] {
				continue
			}
			seen[l.relation] = true
			var row []entry
			right := 0.0
			for _, t := range s.relation(l.relation) {
				x := &s.Cells[t.Cell]
				if k, ok := column[t.Cell]; ok {
					row = append(row, entry{k, float64(t.Coef)})
					right -= float64(t.Coef) * float64(x.floor())
				} else {
					right -= float64(t.Coef) * float64(x.Value)
				}
			}
			if !impossible(row, right) {
				p.rows, p.right = append(p.rows, row), append(p.right, right)
			}
		}
	}
	return p
}

// impossible says that a relation contradicts itself: what is shown says that
// it does not hold, as between tables that count people in other places. It
// binds nothing.
func impossible(row []entry, right float64) bool {
	return !slices.ContainsFunc(row, func(e entry) bool { return e.a*right > 0 || right == 0 })
}
