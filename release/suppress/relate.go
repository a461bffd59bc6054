package suppress

import (
	"slices"
	"sort"
)

// relateTotals adds, for each total of a dimension, that its parts add to it.
// A part without a row is zero; where a running sum is meant, it is what it
// was at the part's last row before.
func (sh *Sheet) relateTotals(add func(string, int, error)) {
	for d, dim := range sh.Rules.Dimensions {
		for _, total := range dim.Totals {
			parts := total.Parts
			if len(parts) == 0 {
				parts = sh.plainValues(d)
			}
			for row := range sh.Table.Rows {
				if sh.Table.Rows[row][sh.dims[d]] == total.Value {
					sh.relateTotal(d, row, total.Value, parts, add)
				}
			}
		}
	}
}

func (sh *Sheet) relateTotal(d, row int, name string, parts []string, add func(string, int, error)) {
	period := sh.Rules.dimension("period")
	for k, column := range sh.Rules.Counts {
		running := sh.running(column)
		var cells []int32
		for _, p := range parts {
			at, ok := sh.row(row, d, p)
			if !ok && running && d != period {
				at, ok = sh.before(row, d, p)
			}
			if ok {
				cells = append(cells, sh.cells[at][k])
			}
		}
		if len(cells) > 0 && (d != period || !running) {
			add("totals: "+name, row, sh.System.Sum(sh.cells[row][k], cells...))
		}
	}
}

func (sh *Sheet) running(column string) bool {
	_, ok := sh.Rules.Cumulative[column]
	if ok {
		return true
	}
	for _, l := range sh.Rules.Sums { // a part or total of running sums is one itself
		all := append([]string{l.Total}, l.Parts...)
		if slices.Contains(all, column) && slices.ContainsFunc(all, func(c string) bool { _, ok := sh.Rules.Cumulative[c]; return ok }) {
			return true
		}
	}
	return false
}

// before finds the last row of another value of d before the row's period.
func (sh *Sheet) before(row, d int, value string) (int, bool) {
	line := sh.line(sh.keyOfLine(row, d, value))
	i := sort.Search(len(line), func(i int) bool { return sh.days[line[i]] > sh.days[row] })
	if i == 0 {
		return 0, false
	}
	return line[i-1], true
}

// keyOfLine names the rows of one value of d over all periods.
func (sh *Sheet) keyOfLine(row, d int, value string) string {
	period := sh.Rules.dimension("period")
	key := ""
	for i, col := range sh.dims {
		switch i {
		case period:
		case d:
			key += value + "\x1f"
		default:
			key += sh.Table.Rows[row][col] + "\x1f"
		}
	}
	return key
}

// line are the rows of one line through time, in order.
func (sh *Sheet) line(key string) []int {
	if sh.timeLines == nil {
		sh.timeLines = map[string][]int{}
		period := sh.Rules.dimension("period")
		for _, g := range sh.lines(period) {
			sh.timeLines[sh.keyOfLine(g[0], -1, "")] = g
		}
	}
	return sh.timeLines[key]
}

// plainValues are the values of a dimension that are no total and that no
// total names as its part.
func (sh *Sheet) plainValues(d int) []string {
	totals := map[string]bool{}
	for _, t := range sh.Rules.Dimensions[d].Totals {
		totals[t.Value] = true
		for _, p := range t.Parts {
			totals[p] = true
		}
	}
	var out []string
	for _, row := range sh.Table.Rows {
		if v := row[sh.dims[d]]; !totals[v] {
			totals[v] = true
			out = append(out, v)
		}
	}
	return out
}

// relateRunning adds that a running sum grows by what it sums. Where that
// isn't published, the growth is a number that everybody can work out: it
// becomes a cell of its own, small growth to be protected like any small cell.
func (sh *Sheet) relateRunning(add func(string, int, error)) {
	if len(sh.Rules.Cumulative) == 0 {
		return
	}
	for _, line := range sh.lines(sh.Rules.dimension("period")) {
		for k, column := range sh.Rules.Counts {
			daily, ok := sh.Rules.Cumulative[column]
			if !ok {
				continue
			}
			for i, row := range line {
				sum := sh.cells[row][k]
				parts := []int32{}
				if i > 0 {
					parts = append(parts, sh.cells[line[i-1]][k])
				}
				if daily != "" {
					parts = append(parts, sh.cells[row][slices.Index(sh.Rules.Counts, daily)])
				} else if i == 0 {
					continue
				} else if grown, ok := sh.growth(sum, parts[0]); ok {
					parts = append(parts, grown)
				}
				add("cumulative: "+column, row, sh.System.Sum(sum, parts...))
			}
		}
	}
}

// growth makes a cell of the growth from one running sum to the next. None is
// no cell: then the two are the same number.
func (sh *Sheet) growth(now, before int32) (int32, bool) {
	a, b := &sh.System.Cells[now], &sh.System.Cells[before]
	by := a.Value - b.Value
	if by <= 0 && !a.Blank && !b.Blank {
		return 0, false // a sum that shrinks breaks the rule, which the caller notes
	}
	n := sh.System.Add(Cell{Value: by, Slack: true, Grown: true, Blank: a.Blank || b.Blank, Group: a.Group})
	sh.grown[n] = now
	return n, true
}

// relateEqual adds that two groups' values add to the same.
func (sh *Sheet) relateEqual(add func(string, int, error)) {
	e := sh.Rules.Equal
	if e == nil {
		return
	}
	by := slices.IndexFunc(sh.Rules.Dimensions, func(d Dimension) bool { return d.Column == e.By })
	of := slices.IndexFunc(sh.Rules.Dimensions, func(d Dimension) bool { return d.Column == e.Of })
	if by < 0 || of < 0 {
		return
	}
	groups, keys := map[string]map[string][]int{}, []string{}
	for i, row := range sh.Table.Rows {
		k := ""
		for d, col := range sh.dims {
			if d != by && d != of {
				k += row[col] + "\x1f"
			}
		}
		if groups[k] == nil {
			groups[k] = map[string][]int{}
			keys = append(keys, k)
		}
		v := row[sh.dims[by]]
		groups[k][v] = append(groups[k][v], i)
	}
	for _, k := range keys {
		sh.relateGroups(groups[k], add)
	}
}

func (sh *Sheet) relateGroups(g map[string][]int, add func(string, int, error)) {
	var names []string
	for n := range g {
		names = append(names, n)
	}
	slices.Sort(names)
	for i := range names {
		for j := i + 1; j < len(names); j++ { // also between the second and third: raiseLow looks at one relation at a time
			sh.relatePair(g, names[i], names[j], add)
		}
	}
}

func (sh *Sheet) relatePair(g map[string][]int, one, other string, add func(string, int, error)) {
	for k, column := range sh.Rules.Counts {
		if sh.running(column) {
			continue // a day without a row would count as zero; the daily columns say it
		}
		var terms []Term
		for _, row := range g[one] {
			terms = append(terms, Term{sh.cells[row][k], 1})
		}
		for _, row := range g[other] {
			terms = append(terms, Term{sh.cells[row][k], -1})
		}
		add("equal: "+one+", "+other, g[one][0], sh.System.Relate(terms...))
	}
}
