package suppress

import (
	"cmp"
	"container/heap"
	"slices"
)

// search looks for moves: sets of cells that change together, each by the same
// amount up or down, so that every relation still holds. It goes from one cell
// to the relations that its change breaks and mends them one by one, the
// cheapest partial move first. In a table of two dimensions that is a shortest
// path, in more it finds hypercubes; hierarchies and linked columns are
// relations like any other.
type search struct {
	s       *System
	by      []int64 // change so far, by cell: the witness being made
	touched []int32
	closed  bool // use hidden cells only
	greed   float32
	pull    float32  // what a relation still to be mended counts
	dive    float32  // what each cell further is worth: long chains need it
	pair    [2]int32 // use cells of these two groups only; zero is all
	most    int      // limit of the longest effort
	limit   int      // of partial moves looked at
	breadth int      // of cells tried for one relation
	seen    map[uint64]float32
	picks   []pick
	next    []gap // of the partial move that is looked at
	slab    slab
	mark    []uint32 // by cell: as marked, if the partial move that is looked at has it
	marked  uint32
	last    *partial // that was looked at
}

// partial is a move that may still break relations.
type partial struct {
	from *partial
	cell int32
	sign int8
	cost float32
	gaps []gap

	depth int32
	guess float32 // orders partial moves: the cost, and something for each gap
}

// gap is a broken relation and by how much, in amounts of the move.
type gap struct {
	relation int32
	sum      int8
}

type pick struct {
	cell  int32
	sign  int8
	cost  float32
	guess float32
}

type queue []*partial

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].guess < q[j].guess }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*partial)) }
func (q *queue) Pop() any {
	old := *q
	p := old[len(old)-1]
	*q = old[:len(old)-1]
	return p
}

func newSearch(s *System) *search {
	s.index()
	return &search{s: s, by: make([]int64, len(s.Cells)), mark: make([]uint32, len(s.Cells)), seen: map[uint64]float32{}, greed: 1}
}

// witness makes a table in which cell is changed by amount, or returns nil. It
// adds move to move, each as large as its cells allow. What it uses of shown
// cells must be hidden then.
func (q *search) witness(cell int32, amount int64) Witness {
	q.touched = q.touched[:0]
	sign := int8(1)
	if amount < 0 {
		sign, amount = -1, -amount
	}
	for amount > 0 {
		m := q.try(cell, sign, amount)
		if m == nil {
			break
		}
		step := amount
		for p := m; p != nil; p = p.from {
			step = min(step, q.room(p.cell, p.sign))
		}
		for p := m; p != nil; p = p.from {
			if q.by[p.cell] == 0 {
				q.touched = append(q.touched, p.cell)
			}
			q.by[p.cell] += int64(p.sign) * step
		}
		amount -= step
	}
	return q.take(amount == 0)
}

// take returns the witness made, if it is whole, and clears the slate. A cell
// may have come back to where it was, and be noted twice.
func (q *search) take(whole bool) (w Witness) {
	for _, c := range q.touched {
		if q.by[c] != 0 && whole {
			w = append(w, Step{c, q.by[c]})
		}
		q.by[c] = 0
	}
	return w
}

// room is how far a cell can go.
func (q *search) room(cell int32, sign int8) int64 {
	if sign > 0 {
		return 1 << 40
	}
	c := &q.s.Cells[cell]
	return c.Value + q.by[cell] - c.floor()
}

// move finds the cheapest move of cell, as far as it looks.
func (q *search) move(cell int32, sign int8, amount int64) *partial {
	if q.room(cell, sign) <= 0 {
		return nil
	}
	clear(q.seen)
	q.slab.reset()
	q.last = nil
	start := q.slab.partial()
	*start = partial{cell: cell, sign: sign, gaps: q.slab.keep(q.mend(nil, cell, sign))}
	open := queue{start}
	for n := 0; len(open) > 0 && n < q.limit; n++ {
		p := heap.Pop(&open).(*partial)
		if len(p.gaps) == 0 {
			return p
		}
		for _, k := range q.candidates(p, amount) {
			gaps, cost, depth := q.mend(p.gaps, k.cell, k.sign), p.cost+k.cost, p.depth+1
			key := hash(gaps)
			if best, ok := q.seen[key]; ok && best <= cost {
				continue
			}
			q.seen[key] = cost
			next := q.slab.partial()
			*next = partial{from: p, cell: k.cell, sign: k.sign, cost: cost, gaps: q.slab.keep(gaps), depth: depth,
				guess: cost + q.pull*float32(len(gaps)) - q.dive*float32(depth)}
			heap.Push(&open, next)
		}
	}
	return nil
}

// candidates are the cells that can mend the partial move's next relation,
// best first.
func (q *search) candidates(p *partial, amount int64) []pick {
	next := p.gaps[0]
	for _, g := range p.gaps[1:] {
		if q.size(g) < q.size(next) {
			next = g
		}
	}
	q.markCells(p)
	q.picks = q.picks[:0]
	for _, t := range q.s.relation(next.relation) {
		sign := t.Coef
		if next.sum > 0 {
			sign = -sign
		}
		cost, ok := q.cost(t.Cell, sign, amount)
		if !ok || q.mark[t.Cell] == q.marked {
			continue
		}
		k := pick{t.Cell, sign, cost, cost + q.pull*float32(q.opens(p.gaps, t.Cell, sign))}
		q.picks = append(q.picks, k)
	}
	if len(q.picks) > q.breadth {
		slices.SortFunc(q.picks, func(a, b pick) int { return cmp.Or(cmp.Compare(a.guess, b.guess), cmp.Compare(a.cell, b.cell)) })
		return q.picks[:q.breadth]
	}
	return q.picks
}

// markCells marks the cells of a partial move. Mostly it is the one looked at
// before and a cell more: chains have hundreds.
func (q *search) markCells(p *partial) {
	if q.last == nil || p.from != q.last {
		q.marked++
		for c := p.from; c != nil; c = c.from {
			q.mark[c.cell] = q.marked
		}
	}
	q.mark[p.cell] = q.marked
	q.last = p
}

func (q *search) size(g gap) int32 { return q.s.starts[g.relation+1] - q.s.starts[g.relation] }

// cost of using a cell: nothing much if it is hidden, its weight if it must be
// hidden for this; more if it can't carry the whole amount.
func (q *search) cost(cell int32, sign int8, amount int64) (float32, bool) {
	c := &q.s.Cells[cell]
	room := q.room(cell, sign)
	if room <= 0 || q.pair[0] > 0 && c.Group != q.pair[0] && c.Group != q.pair[1] {
		return 0, false
	}
	if c.hidden() || q.by[cell] != 0 {
		if room < amount {
			return 0.02, true
		}
		return 0.01, true
	}
	if q.closed || c.Fixed || c.Value <= 0 {
		return 0, false
	}
	if room < amount {
		return c.Weight * (1 + q.greed*float32(amount-room)/float32(amount)), true
	}
	return c.Weight, true
}

// opens is by how many broken relations a cell's change adds to gaps; both are
// in order of relation.
func (q *search) opens(gaps []gap, cell int32, sign int8) (n int) {
	i := 0
	for _, l := range q.s.links(cell) {
		for i < len(gaps) && gaps[i].relation < l.relation {
			i++
		}
		switch {
		case i == len(gaps) || gaps[i].relation != l.relation:
			n++
		case gaps[i].sum+l.coef*sign == 0:
			n--
		}
	}
	return n
}

// mend returns the gaps after a cell's change, in order of relation, up to the
// next call.
func (q *search) mend(gaps []gap, cell int32, sign int8) []gap {
	out, i := q.next[:0], 0
	for _, l := range q.s.links(cell) {
		for i < len(gaps) && gaps[i].relation < l.relation {
			out = append(out, gaps[i])
			i++
		}
		by := gap{l.relation, l.coef * sign}
		if i < len(gaps) && gaps[i].relation == l.relation {
			by.sum += gaps[i].sum
			i++
		}
		if n := len(out); n > 0 && out[n-1].relation == l.relation { // a cell counted twice
			by.sum += out[n-1].sum
			out = out[:n-1]
		}
		if by.sum != 0 {
			out = append(out, by)
		}
	}
	q.next = append(out, gaps[i:]...)
	return q.next
}

// hash is FNV-1a over the gaps.
func hash(gaps []gap) uint64 {
	h := uint64(14695981039346656037)
	for _, g := range gaps {
		h = (h ^ uint64(uint32(g.relation))) * 1099511628211
		h = (h ^ uint64(uint8(g.sum))) * 1099511628211
	}
	return h
}
