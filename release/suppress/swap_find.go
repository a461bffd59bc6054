package suppress

import (
	"math"
)

// found is the best swap so far.
type found struct {
	price  float32 // cost for what it can carry of the amount
	amount int64
	v      *vector
	who    []member
	sign   int8
	from   int // first day that changes
	to     int // day that changes it back, or the number of days
}

// witness makes a table in which cell is changed by amount, swap after swap,
// or returns nil.
func (w *swapper) witness(cell int32, amount int64) Witness {
	row, k, ok := w.sh.rowOf(cell)
	if !ok || w.sh.System.Cells[cell].Slack {
		return nil
	}
	q := w.q
	q.touched = q.touched[:0]
	sign := int8(1)
	if amount < 0 {
		sign, amount = -1, -amount
	}
	for amount > 0 {
		f := w.best(row, k, sign, amount)
		if f.v == nil {
			break
		}
		w.each(&f, func(c int32, s int8) bool {
			if q.by[c] == 0 {
				q.touched = append(q.touched, c)
			}
			q.by[c] += int64(s) * f.amount
			return true
		})
		amount -= f.amount
	}
	return q.take(amount == 0)
}

// best is the cheapest swap that moves the column of the row that way.
func (w *swapper) best(row, k int, sign int8, amount int64) found {
	f := found{price: math.MaxFloat32}
	day, place := w.at[row], w.group(row)
	for i := range w.vectors {
		v := &w.vectors[i]
		for _, p := range v.day {
			if p.rule == "" && p.k == k {
				for _, who := range w.peers[place] {
					try := found{v: v, who: who, sign: sign * p.sign, from: day}
					w.extend(&f, try, day, amount, true)
					try.sign = -try.sign
					w.extend(&f, try, day, amount, false)
				}
			}
		}
		for _, p := range v.run {
			if p.rule == "" && p.k == k {
				for _, who := range w.peers[place] {
					w.around(&f, found{v: v, who: who, sign: sign * p.sign}, day, amount)
				}
			}
		}
	}
	return f
}

// extend tries a swap from its day on to each later one, or with back from
// each earlier one to its day.
func (w *swapper) extend(f *found, try found, day int, amount int64, on bool) {
	cost, room := float32(0), amount
	if on && !w.day(&try, day, try.sign, &cost, &room) || !on && !w.day(&try, day, -try.sign, &cost, &room) {
		return
	}
	step, d := 1, day
	if !on {
		step = -1
	}
	for {
		if !on {
			d--
		}
		if d < 0 || d >= w.days {
			break
		}
		if on && d > day || !on {
			w.offer(f, try, day, d, cost, room, on)
		}
		if !w.runsOn(&try, d, &cost, &room) || cost/float32(room) >= f.price {
			return
		}
		if on {
			d += step
		}
	}
	if on { // up to the end of the table
		try.from, try.to, try.amount = day, w.days, room
		f.take(try, cost)
	}
}

// offer notes the swap between a day and another, if it is the cheapest.
func (w *swapper) offer(f *found, try found, day, other int, cost float32, room int64, on bool) {
	sign := -try.sign
	if !on {
		sign = try.sign
		if !w.runsOn(&try, other, &cost, &room) {
			return
		}
	}
	if !w.day(&try, other, sign, &cost, &room) {
		return
	}
	try.from, try.to, try.amount = min(day, other), max(day, other), room
	f.take(try, cost)
}

func (f *found) take(try found, cost float32) {
	if try.amount > 0 && cost/float32(try.amount) < f.price {
		try.price = cost / float32(try.amount)
		*f = try
	}
}

// around tries swaps that change a running sum of a day.
func (w *swapper) around(f *found, try found, day int, amount int64) {
	cost, room := float32(0), amount
	for from := day; from >= 0; from-- {
		if !w.runsOn(&try, from, &cost, &room) || cost/float32(room) >= f.price {
			return
		}
		first, left := cost, room
		if !w.day(&try, from, try.sign, &first, &left) {
			continue
		}
		for to := day + 1; ; to++ {
			next := try
			next.from, next.to = from, to
			if to == w.days {
				next.amount = left
				f.take(next, first)
				break
			}
			last, most := first, left
			if w.day(&try, to, -try.sign, &last, &most) {
				next.amount = most
				f.take(next, last)
			}
			if !w.runsOn(&try, to, &first, &left) || first/float32(left) >= f.price {
				break
			}
		}
	}
}

// day adds what it costs to change the swap's columns of one day, and whether
// that can be done.
func (w *swapper) day(f *found, d int, sign int8, cost *float32, room *int64) bool {
	return w.on(f, d, f.v.day, true, func(c int32, s int8) bool { return w.price(c, s*sign, cost, room) })
}

// runsOn adds what it costs to change the running sums of one day.
func (w *swapper) runsOn(f *found, d int, cost *float32, room *int64) bool {
	return w.on(f, d, f.v.run, false, func(c int32, s int8) bool { return w.price(c, s*f.sign, cost, room) })
}

func (w *swapper) price(c int32, sign int8, cost *float32, room *int64) bool {
	can := w.q.room(c, sign)
	by, ok := w.q.cost(c, sign, 0)
	*cost += by
	*room = min(*room, can)
	return ok && *room > 0
}

// on calls each for the cells of the parts on a day, in all places. A running
// sum may have no row there; a day must.
func (w *swapper) on(f *found, d int, parts []part, must bool, each func(int32, int8) bool) bool {
	for _, m := range f.who {
		row := w.rows[m.place][d]
		if row < 0 {
			if must {
				return false
			}
			continue
		}
		for _, p := range parts {
			c := int32(-1)
			if p.rule == "" {
				c = w.sh.cells[row][p.k]
			} else if c = w.slack[p.rule][row]; c < 0 {
				continue // the rule does not hold there
			}
			if !each(c, p.sign*m.sign) {
				return false
			}
		}
	}
	return true
}

// each calls f for all cells of a swap.
func (w *swapper) each(f *found, do func(int32, int8) bool) {
	w.on(f, f.from, f.v.day, true, func(c int32, s int8) bool { return do(c, s*f.sign) })
	for d := f.from; d < f.to; d++ {
		w.on(f, d, f.v.run, false, func(c int32, s int8) bool { return do(c, s*f.sign) })
	}
	if f.to < w.days {
		w.on(f, f.to, f.v.day, true, func(c int32, s int8) bool { return do(c, -s*f.sign) })
	}
}
