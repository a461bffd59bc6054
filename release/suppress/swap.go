package suppress

import "slices"

// Running sums beside the days that they sum make chains of hundreds of cells:
// when a day is more by five, so is every running sum after it, until another
// day is less by five. search goes cell by cell and loses itself in them. A
// swap is such a move as a whole: some columns of a place are more from one day
// to another, and those of a second place are less, so that days and places
// still add up. It is tried first where a table has running sums.

// swapper makes witnesses of swaps. It knows tables of places and periods.
type swapper struct {
	sh      *Sheet
	q       *search
	at      []int              // of rows: the day, as a place in order
	rows    map[int32][]int    // place → its row on each day, or -1
	slack   map[string][]int32 // rule → slack of each row, or -1
	vectors []vector
	peers   map[int32][][]member // places that can move against a place
	days    int
}

// vector are columns that move together in a row, so that the row still adds
// up: on the day, and in the running sums from there on.
type vector struct{ day, run []part }

// part is a column, or the slack of a rule.
type part struct {
	k    int
	rule string // of slack
	sign int8
}

// member is a place of a swap.
type member struct {
	place int32
	sign  int8
}

// newSwapper is nil for a table that it can do nothing for.
func (sh *Sheet) newSwapper() *swapper {
	place, period := sh.Rules.dimension("place"), sh.Rules.dimension("period")
	if len(sh.Rules.Cumulative) == 0 || len(sh.dims) != 2 || place < 0 || period < 0 || len(sh.grown) > 0 {
		return nil
	}
	w := &swapper{sh: sh, at: make([]int, len(sh.cells)), rows: map[int32][]int{}, slack: map[string][]int32{}, peers: map[int32][][]member{}}
	w.calendar()
	w.findSlack()
	w.makeVectors()
	w.makePeers(place)
	return w
}

func (w *swapper) group(row int) int32 { return w.sh.System.Cells[w.sh.cells[row][0]].Group }

func (w *swapper) calendar() {
	days := slices.Clone(w.sh.days)
	slices.Sort(days)
	days = slices.Compact(days)
	w.days = len(days)
	for row, d := range w.sh.days {
		w.at[row], _ = slices.BinarySearch(days, d)
		g := w.group(row)
		if w.rows[g] == nil {
			w.rows[g] = slices.Repeat([]int{-1}, w.days)
		}
		w.rows[g][w.at[row]] = row
	}
}

// findSlack finds the slack of each row's at-most rules: relations of one row
// that have one.
func (w *swapper) findSlack() {
	s := w.sh.System
	for _, l := range w.sh.Rules.AtMost {
		w.slack[l.Total] = slices.Repeat([]int32{-1}, len(w.at))
	}
	for r := range int32(s.Relations()) {
		terms := s.relation(r)
		last := terms[len(terms)-1].Cell
		if row, k, ok := w.sh.rowOf(terms[0].Cell); ok && s.Cells[last].Slack {
			if of := w.slack[w.sh.Rules.Counts[k]]; of != nil {
				of[row] = last
			}
		}
	}
}

// makeVectors are single columns of days, two that are total and part, and two
// parts of which one gives to the other.
func (w *swapper) makeVectors() {
	place := func(name string) int { return slices.Index(w.sh.Rules.Counts, name) }
	for _, name := range w.sh.Rules.Counts {
		if !w.sh.running(name) {
			w.vector(part{k: place(name), sign: 1})
		}
	}
	for _, l := range slices.Concat(w.sh.Rules.Sums, w.sh.Rules.AtMost) {
		if w.sh.running(l.Total) {
			continue
		}
		for i, p := range l.Parts {
			w.vector(part{k: place(l.Total), sign: 1}, part{k: place(p), sign: 1})
			for _, other := range l.Parts[i+1:] {
				w.vector(part{k: place(p), sign: 1}, part{k: place(other), sign: -1})
			}
		}
	}
}

// vector adds one, if a row can add up with it.
func (w *swapper) vector(day ...part) {
	by := map[string]int8{}
	for _, p := range day {
		by[w.sh.Rules.Counts[p.k]] = p.sign
	}
	v := vector{day: day}
	for i, name := range w.sh.Rules.Counts {
		if s := by[w.sh.Rules.Cumulative[name]]; s != 0 {
			v.run = append(v.run, part{k: i, sign: s})
			by[name] = s
		}
	}
	for _, l := range w.sh.Rules.Sums { // what runs along without days of its own
		free, left := "", int8(0)
		for i, name := range append([]string{l.Total}, l.Parts...) {
			sign := int8(1)
			if i == 0 {
				sign = -1
			}
			if w.sh.running(name) && w.sh.Rules.Cumulative[name] == "" {
				free = name
				if i == 0 {
					left = -left // what the parts add up to
				}
			} else {
				left += sign * by[name]
			}
		}
		switch {
		case left == 0:
		case free == "" || free == l.Total:
			return
		default:
			by[free] = -left
			v.run = append(v.run, part{k: slices.Index(w.sh.Rules.Counts, free), sign: -left})
		}
	}
	for _, l := range w.sh.Rules.AtMost {
		left := by[l.Total]
		for _, p := range l.Parts {
			left -= by[p]
		}
		if p := (part{k: -1, rule: l.Total, sign: left}); left != 0 && w.sh.running(l.Total) {
			v.run = append(v.run, p)
		} else if left != 0 {
			v.day = append(v.day, p)
		}
	}
	w.vectors = append(w.vectors, v)
}

// makePeers finds for each place those that can move against it: another part
// of the same total, or, where that total is itself a part, the total with one
// of its parts. Dearest are all totals above it.
func (w *swapper) makePeers(d int) {
	totals := w.sh.Rules.Dimensions[d].Totals
	of := func(value string) int {
		return slices.IndexFunc(totals, func(t Total) bool { return t.Value == value })
	}
	for _, t := range totals {
		parts := w.partsOf(t, d)
		for _, a := range parts {
			ga := w.sh.groups[a]
			if ga == 0 || of(a) >= 0 {
				continue
			}
			w.peers[ga] = append(w.peers[ga], w.above([]member{{ga, 1}}, d, t.Value))
			for _, b := range parts {
				gb := w.sh.groups[b]
				switch i := of(b); {
				case a == b || gb == 0:
				case i >= 0:
					w.peerTotal(ga, gb, w.partsOf(totals[i], d))
				default:
					w.peers[ga] = append(w.peers[ga], []member{{ga, 1}, {gb, -1}})
				}
			}
		}
	}
}

func (w *swapper) partsOf(t Total, d int) []string {
	if len(t.Parts) == 0 {
		return w.sh.plainValues(d)
	}
	return t.Parts
}

func (w *swapper) peerTotal(a, total int32, parts []string) {
	for _, p := range parts {
		if g := w.sh.groups[p]; g > 0 && g != a {
			w.peers[a] = append(w.peers[a], []member{{a, 1}, {total, -1}, {g, -1}})
			w.peers[g] = append(w.peers[g], []member{{g, 1}, {total, 1}, {a, -1}})
		}
	}
}

// above adds a total, and the total that it is a part of.
func (w *swapper) above(who []member, d int, total string) []member {
	if g := w.sh.groups[total]; g > 0 {
		who = append(who, member{g, 1})
	}
	for _, t := range w.sh.Rules.Dimensions[d].Totals {
		if slices.Contains(t.Parts, total) && len(who) < len(w.sh.groups) { // a total that is its own part ends nowhere
			return w.above(who, d, t.Value)
		}
	}
	return who
}
