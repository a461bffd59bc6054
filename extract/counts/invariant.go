package counts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// The rules of the published table (CHHS, covid19vaccinesbycounty; checked on
// the state's own files).
const (
	CountiesSum  = "counties_sum"  // the 58 counties sum to All CA Counties
	AllSum       = "all_sum"       // with Outside California and Unknown, to All CA and Non-CA Counties
	OneDoseSum   = "one_dose_sum"  // cumulative at least one = total partially + cumulative fully
	RunningSum   = "running_sum"   // a cumulative column is the running sum of its daily one
	Negative     = "negative"      // no figure is negative
	Twice        = "twice"         // a place and day stands once
	MakersSum    = "makers_sum"    // Pfizer, Moderna and Janssen are not more than all doses
	PeopleDoses  = "people_doses"  // not more people with a dose than doses
	FlagOfCounty = "flag_of_place" // california_flag says California for counties, blank for totals
)

// Violation is a rule that a place does not keep on a day. Have is the figure
// that stands in Column, Want what follows from the others. The row of Twice
// has the two lines, the one of FlagOfCounty no figures.
type Violation struct {
	Rule   string
	Place  string
	Day    int32
	Column string
	Have   int64
	Want   int64
}

// Found is what Invariants found. Unchecked says which rules could not be
// looked at, and why.
type Found struct {
	Violations []Violation
	Unchecked  map[string]string
}

// pairs are the daily columns and their running sums. Partially vaccinated is
// none: who gets full protection leaves total_partially_vaccinated.
var pairs = [...][2]Column{{TotalDoses, CumTotalDoses}, {Pfizer, CumPfizer}, {Moderna, CumModerna}, {Janssen, CumJanssen},
	{Fully, CumFully}, {OneDose, CumOneDose}, {Booster, CumBooster}, {UpToDate, CumUpToDate}}

// running reports whether a column tells of all days up to its day.
func running(c Column) bool {
	return c == TotalPartially || strings.HasPrefix(c.String(), "cumulative_")
}

// Invariants looks at a table by its own rules. A day without a row is zero,
// and leaves running sums as they were; a blank figure is left out, with what
// depends on it.
func Invariants(t *Table) Found {
	f := checker{t: t, Found: Found{Unchecked: map[string]string{}}}
	for i := range t.Rows {
		f.row(&t.Rows[i])
	}
	byPlace := f.series()
	for _, s := range byPlace {
		f.runningSums(s)
	}
	f.sums(byPlace)
	slices.SortStableFunc(f.Violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Column, b.Column))
	})
	return f.Found
}

type checker struct {
	Found
	t *Table
}

func (f *checker) add(rule string, r *Row, column string, have, want int64) {
	f.Violations = append(f.Violations, Violation{rule, r.Place, r.Day, column, have, want})
}

// row checks what one row can tell.
func (f *checker) row(r *Row) {
	if first, _ := f.t.Row(r.Place, r.Day); first.Line != r.Line {
		f.add(Twice, r, "line", r.Line, first.Line)
	}
	for c := range NumColumns {
		if n, ok := r.Get(c); ok && n < 0 {
			f.add(Negative, r, c.String(), n, 0)
		}
	}
	if one, parts, ok := r.compare(CumOneDose, TotalPartially, CumFully); ok && one != parts {
		f.add(OneDoseSum, r, CumOneDose.String(), one, parts)
	}
	for _, by := range [][4]Column{{TotalDoses, Pfizer, Moderna, Janssen}, {CumTotalDoses, CumPfizer, CumModerna, CumJanssen}} {
		if total, makers, ok := r.compare(by[0], by[1:]...); ok && makers > total {
			f.add(MakersSum, r, by[0].String(), total, makers)
		}
	}
	if people, doses, ok := r.compare(CumOneDose, CumTotalDoses); ok && people > doses {
		f.add(PeopleDoses, r, CumOneDose.String(), people, doses)
	}
	if f.t.flags && r.Flag != flagOf(r.Place) {
		f.add(FlagOfCounty, r, "california_flag", 0, 0)
	}
}

// compare returns the figure of c and the sum of the others.
func (r *Row) compare(c Column, others ...Column) (have, sum int64, ok bool) {
	have, ok = r.Get(c)
	for _, o := range others {
		n, filled := r.Get(o)
		sum, ok = sum+n, ok && filled
	}
	return have, sum, ok
}

func flagOf(place string) string {
	switch place {
	case AllCalifornia, Everywhere:
		return ""
	case OutsideState, Unknown:
		return "Not in California"
	}
	return "California"
}

// series are the first rows of each place and day, by day.
func (f *checker) series() map[string][]*Row {
	out := map[string][]*Row{}
	for k, i := range f.t.at {
		out[k.place] = append(out[k.place], &f.t.Rows[i])
	}
	for _, s := range out {
		slices.SortFunc(s, func(a, b *Row) int { return cmp.Compare(a.Day, b.Day) })
	}
	return out
}

// runningSums adds up each daily column. After a blank it goes on from the
// published sum: one gap is one unknown, not all days after it.
func (f *checker) runningSums(s []*Row) {
	for _, p := range pairs {
		if !f.t.has[p[0]] || !f.t.has[p[1]] {
			f.Unchecked[RunningSum+" of "+p[1].String()] = "the table lacks one of the columns"
			continue
		}
		sum, known := int64(0), true
		for _, r := range s {
			n, filled := r.Get(p[0])
			sum, known = sum+n, known && filled
			have, told := r.Get(p[1])
			if told && known && have != sum {
				f.add(RunningSum, r, p[1].String(), have, sum)
			}
			if told {
				sum, known = have, true
			}
		}
	}
}

// sums checks the roll-up rows against the rows they sum.
func (f *checker) sums(by map[string][]*Row) {
	var counties []string
	for _, c := range dose.Counties() {
		if by[c.FIPS] != nil {
			counties = append(counties, c.FIPS)
		}
	}
	all := len(dose.Counties())
	switch {
	case by[AllCalifornia] == nil:
		f.Unchecked[CountiesSum] = "the table has no row of All CA Counties"
	case len(counties) < all:
		f.Unchecked[CountiesSum] = fmt.Sprintf("the table has %d of %d counties", len(counties), all)
	default:
		f.sum(CountiesSum, AllCalifornia, counties, by)
	}
	if by[AllCalifornia] == nil || by[Everywhere] == nil {
		f.Unchecked[AllSum] = "the table has no row of All CA Counties or of All CA and Non-CA Counties"
		return
	}
	f.sum(AllSum, Everywhere, []string{AllCalifornia, OutsideState, Unknown}, by)
}

// sum compares a roll-up with its parts on every day that has a row of either.
func (f *checker) sum(rule, total string, parts []string, by map[string][]*Row) {
	days := map[int32]bool{}
	for _, p := range append([]string{total}, parts...) {
		for _, r := range by[p] {
			days[r.Day] = true
		}
	}
	order := make([]int32, 0, len(days))
	for d := range days {
		order = append(order, d)
	}
	slices.Sort(order)
	for c := range NumColumns {
		if !f.t.has[c] {
			continue
		}
		whole := walker{rows: by[total], column: c}
		each := make([]walker, len(parts))
		for i, p := range parts {
			each[i] = walker{rows: by[p], column: c}
		}
		for _, d := range order {
			have, ok := whole.on(d)
			want := int64(0)
			for i := range each {
				n, filled := each[i].on(d)
				want, ok = want+n, ok && filled
			}
			if ok && have != want {
				f.add(rule, &Row{Place: total, Day: d}, c.String(), have, want)
			}
		}
	}
}

// walker goes through the rows of a place, day by day.
type walker struct {
	rows   []*Row
	column Column
	last   int64 // of a running sum
	blank  bool
}

// on returns the figure of a day, which is never before the last one asked
// for; false when it stands blank.
func (w *walker) on(day int32) (int64, bool) {
	for len(w.rows) > 0 && w.rows[0].Day <= day {
		r := w.rows[0]
		w.rows = w.rows[1:]
		n, ok := r.Get(w.column)
		if running(w.column) {
			w.last, w.blank = n, !ok
		} else if r.Day == day {
			return n, ok
		}
	}
	return w.last, !w.blank
}
