package suppress

import "math"

// passes of propagation: bounds of chains settle in a few.
const passes = 50

// propagate bounds unknowns relation by relation, until nothing moves: weaker
// than a linear program, and linear in the size of the table.
func (s *System) propagate(group []int32, p *problem) []Bound {
	low, high := make([]float64, p.n), make([]float64, p.n)
	for k := range high {
		high[k] = math.Inf(1)
	}
	for moved, pass := true, 0; moved && pass < passes; pass++ {
		moved = false
		for r, row := range p.rows {
			moved = narrow(row, p.right[r], low, high) || moved
		}
	}
	var out []Bound
	for k, c := range group {
		if s.Cells[c].needs() {
			f := float64(s.Cells[c].floor())
			out = append(out, Bound{Cell: c, Low: f + low[k], High: f + high[k], Rough: true})
		}
	}
	return out
}

func narrow(row []float64, right float64, low, high []float64) (moved bool) {
	for k, a := range row {
		if a == 0 {
			continue
		}
		least, most := right, right // of a·x[k]
		for j, b := range row {
			if j == k || b == 0 {
				continue
			}
			if b > 0 {
				least, most = least-b*high[j], most-b*low[j]
			} else {
				least, most = least-b*low[j], most-b*high[j]
			}
		}
		if a < 0 {
			least, most = -most, -least
		}
		if least > low[k]+tolerance {
			low[k], moved = least, true
		}
		if most < high[k]-tolerance {
			high[k], moved = most, true
		}
	}
	return moved
}
