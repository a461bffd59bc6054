package suppress

import "math"

// passes of propagation: bounds of chains settle in a few.
const passes = 50

// propagate bounds unknowns relation by relation, until nothing moves: weaker
// than a linear program, and linear in the size of the table.
func (p *problem) propagate() (low, high []float64) {
	low, high = make([]float64, p.n), make([]float64, p.n)
	for k := range high {
		high[k] = math.Inf(1)
	}
	for moved, pass := true, 0; moved && pass < passes; pass++ {
		moved = false
		for r, row := range p.rows {
			moved = narrow(row, p.right[r], low, high) || moved
		}
	}
	return low, high
}

// narrow takes one relation: what the others can be at most and at least bounds
// each. Sums are made once for the row; an unbounded unknown is counted, since
// infinity can't be subtracted again.
func narrow(row []entry, right float64, low, high []float64) (moved bool) {
	least, most, unbound := 0.0, 0.0, [2]int{}
	for _, e := range row {
		l, m := e.span(low, high)
		least, unbound[0] = plus(least, l, unbound[0])
		most, unbound[1] = plus(most, m, unbound[1])
	}
	for _, e := range row {
		l, m := e.span(low, high)
		from, to := right-without(most, m, unbound[1], 1), right-without(least, l, unbound[0], -1)
		if e.a < 0 {
			from, to = -to, -from
		}
		// counts are whole numbers
		if from = math.Ceil(from - tolerance); from > low[e.k] {
			low[e.k], moved = from, true
		}
		if to = math.Floor(to + tolerance); to < high[e.k] {
			high[e.k], moved = to, true
		}
	}
	return moved // the sums are stale by now, and say less than they could: the next pass has the rest
}

// span is the least and the most of a·x.
func (e entry) span(low, high []float64) (float64, float64) {
	if e.a > 0 {
		return low[e.k], high[e.k]
	}
	return -high[e.k], -low[e.k]
}

func plus(sum, v float64, unbound int) (float64, int) {
	if math.IsInf(v, 0) {
		return sum, unbound + 1
	}
	return sum + v, unbound
}

// without is the sum of all but v.
func without(sum, v float64, unbound, sign int) float64 {
	if math.IsInf(v, 0) {
		unbound--
		v = 0
	}
	if unbound > 0 {
		return math.Inf(sign)
	}
	return sum - v
}
