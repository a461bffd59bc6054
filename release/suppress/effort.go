package suppress

import (
	"cmp"
	"maps"
	"slices"
)

// effort is one way of looking for a move.
type effort struct {
	limit, breadth int
	pull, dive     float32
}

// efforts are how a move is looked for, one after the other: the cheapest
// first, then more and more straight to one that mends everything. Running
// sums make chains of hundreds of cells, which only a search that dives finds.
var efforts = []effort{{400, 16, 0.25, 0}, {400, 64, 1, 0}, {2000, 1 << 20, 5, 0}, {1000, 16, 1, 1}, {2000, 4, 2, 1.2}, {2000, 4, 20, 0}}

// lastEfforts come when two places alone don't do either.
var lastEfforts = []effort{{8000, 16, 1, 1}, {20_000, 1 << 20, 20, 0.1}, {40_000, 1 << 20, 0.5, 0}}

var pairEfforts = []effort{{2000, 1 << 20, 4, 0.9}, {2000, 1 << 20, 20, 0}}

// closedEfforts are enough to see whether a cell can be shown again.
const closedEfforts = 4

func (q *search) try(cell int32, sign int8, amount int64) *partial {
	if q.closed {
		return q.each(efforts[:closedEfforts], cell, sign, amount)
	}
	if m := q.each(efforts, cell, sign, amount); m != nil {
		return m
	}
	if m := q.between(cell, sign, amount); m != nil {
		return m
	}
	return q.each(lastEfforts, cell, sign, amount)
}

func (q *search) each(efforts []effort, cell int32, sign int8, amount int64) *partial {
	for _, e := range efforts {
		if e.limit > max(q.most, 400) {
			return nil
		}
		q.limit, q.breadth, q.pull, q.dive = e.limit, e.breadth, e.pull, e.dive
		if m := q.move(cell, sign, amount); m != nil {
			return m
		}
	}
	return nil
}

// partners are how many places are tried as the other one.
const partners = 12

// between looks for a move between two places, those first that hide most
// already. With so few cells to choose from, the longest chain is found soon.
func (q *search) between(cell int32, sign int8, amount int64) *partial {
	own := q.s.Cells[cell].Group
	if own == 0 {
		return nil
	}
	hidden := map[int32]int{}
	for i := range q.s.Cells {
		if c := &q.s.Cells[i]; c.hidden() && !c.Slack && c.Group > 0 && c.Group != own {
			hidden[c.Group]++
		}
	}
	groups := slices.SortedFunc(maps.Keys(hidden), func(a, b int32) int { return cmp.Or(cmp.Compare(hidden[b], hidden[a]), cmp.Compare(a, b)) })
	defer func() { q.pair = [2]int32{} }()
	for _, g := range groups[:min(partners, len(groups))] {
		q.pair = [2]int32{own, g}
		if m := q.each(pairEfforts, cell, sign, amount); m != nil {
			return m
		}
	}
	return nil
}
