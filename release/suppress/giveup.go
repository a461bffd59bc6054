package suppress

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// giveUp takes what Suppress does when some cell finds no proof: it gives up
// running sums, in this order, until all that is left is proven. First those
// of the columns that the unproven cells are in, with all that a rule links to
// them in a row; then all. What is given up is withheld as a column. Without
// running sums the table is held.
func (sh *Sheet) giveUp(ctx context.Context, o Options, held []int32, first error) (*Table, *Report, error) {
	for _, columns := range [][]string{sh.linkedRunning(held), sh.runningColumns()} {
		if len(columns) == 0 {
			continue
		}
		r := sh.Rules.without(columns)
		if r.check() != nil {
			continue // nothing would be left
		}
		next, err := Build(sh.Table, r, false)
		if err != nil {
			return nil, nil, err
		}
		t, report, err := next.suppress(ctx, o)
		if report != nil {
			report.Withheld = columns
		}
		if !errors.Is(err, dose.ErrHeld) {
			return t, report, err
		}
	}
	return nil, nil, first
}

func (sh *Sheet) runningColumns() (out []string) {
	for _, c := range sh.Rules.Counts {
		if sh.running(c) {
			out = append(out, c)
		}
	}
	return out
}

// linkedRunning are the running sums that hang together with cells: their
// column's, and what a rule links to that.
func (sh *Sheet) linkedRunning(cells []int32) (out []string) {
	in := map[string]bool{}
	for _, c := range cells {
		if _, k, ok := sh.rowOf(c); ok {
			in[sh.Rules.Counts[k]] = true
		}
	}
	for sum, of := range sh.Rules.Cumulative {
		in[sum] = in[sum] || in[of]
	}
	for moved := true; moved; {
		moved = false
		for _, l := range slices.Concat(sh.Rules.Sums, sh.Rules.AtMost) {
			all := append([]string{l.Total}, l.Parts...)
			if !sh.running(l.Total) || !slices.ContainsFunc(all, func(c string) bool { return in[c] }) {
				continue
			}
			for _, c := range all {
				moved = moved || !in[c]
				in[c] = true
			}
		}
	}
	for _, c := range sh.runningColumns() {
		if in[c] {
			out = append(out, c)
		}
	}
	return out
}

// without are the rules of the table less some columns of counts.
func (r *Rules) without(columns []string) *Rules {
	gone := func(c string) bool { return slices.Contains(columns, c) }
	linked := func(in []Linked) (out []Linked) {
		for _, l := range in {
			if !gone(l.Total) && !slices.ContainsFunc(l.Parts, gone) {
				out = append(out, l)
			}
		}
		return out
	}
	out := *r
	out.Counts = slices.DeleteFunc(slices.Clone(r.Counts), gone)
	out.Sums, out.AtMost = linked(r.Sums), linked(r.AtMost)
	out.Cumulative, out.Derived = maps.Clone(r.Cumulative), maps.Clone(r.Derived)
	maps.DeleteFunc(out.Cumulative, func(sum, of string) bool { return gone(sum) || gone(of) })
	out.Withhold = slices.Concat(r.Withhold, columns)
	for d, from := range r.Derived {
		if slices.ContainsFunc(from, gone) {
			delete(out.Derived, d)
			out.Withhold = append(out.Withhold, d)
		}
	}
	return &out
}
