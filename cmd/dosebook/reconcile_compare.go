package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dosebook/dosebook/extract/counts"
)

// reconciled is the JSON of reconcile published.
type reconciled struct {
	Release  string       `json:"release"`
	Through  string       `json:"through"` // last day of the table compared
	County   string       `json:"county,omitempty"`
	Counties []difference `json:"counties"`       // causes that cancel out over the days are left out
	Days     []difference `json:"days,omitempty"` // with --county
	NotTheir []string     `json:"not_published"`  // places of ours that the table does not have
	Vintages []vintage    `json:"published"`
	Restated []restating  `json:"restatements"`
}

// difference is ours beside theirs. The causes are signed as the difference
// is, and sum to it.
type difference struct {
	Place      string           `json:"county_fips"`
	Label      string           `json:"county"`
	Day        string           `json:"administered_date,omitempty"`
	Ours       int64            `json:"ours"`
	Theirs     int64            `json:"theirs"`
	Difference int64            `json:"difference"`
	Causes     map[string]int64 `json:"causes"`
}

// vintage is one published table, and how it keeps its own rules.
type vintage struct {
	Name       string            `json:"name"`
	Rows       int               `json:"rows"`
	First      string            `json:"first_day"`
	Last       string            `json:"last_day"`
	Missing    []string          `json:"missing_columns"`
	Unknown    []string          `json:"unknown_columns"`
	Rules      map[string]int    `json:"violated"`
	Violations []violatedRow     `json:"violations"`
	Unchecked  map[string]string `json:"unchecked"`
}

type violatedRow struct {
	Rule   string `json:"rule"`
	Place  string `json:"county_fips"`
	Day    string `json:"administered_date"`
	Column string `json:"column"`
	Have   int64  `json:"have"`
	Want   int64  `json:"want"`
}

// restating is what one vintage changed in the days of the one before.
type restating struct {
	From     string       `json:"from"`
	To       string       `json:"to"`
	Counties []restatedIn `json:"counties"`
	Days     []restatedOn `json:"days,omitempty"` // with --county
}

type restatedIn struct {
	Place string `json:"county_fips"`
	Label string `json:"county"`
	Days  int    `json:"days"`  // whose total_doses changed
	Doses int64  `json:"doses"` // sum of the changes
}

type restatedOn struct {
	Day    string `json:"administered_date"`
	Column string `json:"column"`
	Was    *int64 `json:"was"` // null: no row
	Is     *int64 `json:"is"`
}

func replaceThrough(text, through string) string {
	return strings.ReplaceAll(text, "{through}", through)
}

// firstDay is 2020-12-14, the first day on which doses were given in
// California under the emergency use authorization (dose.DoseBeforeEUA).
const firstDay int32 = 18610

// compare fills counties and days.
func (r *reconciled) compare(theirs *counts.Table, ours *known, place string) {
	r.Counties, r.NotTheir = []difference{}, []string{}
	have := theirs.Places()
	for _, p := range publishedPlaces() {
		if place != "" && p != place {
			continue
		}
		if !slices.Contains(have, p) {
			r.NotTheir = append(r.NotTheir, p)
			continue
		}
		total := difference{Place: p, Label: counts.Label(p), Causes: map[string]int64{}}
		for _, day := range daysOf(theirs, ours, p) {
			d := oneDay(theirs, ours, p, day)
			total.Ours, total.Theirs, total.Difference = total.Ours+d.Ours, total.Theirs+d.Theirs, total.Difference+d.Difference
			for cause, n := range d.Causes {
				total.Causes[cause] += n
			}
			if place != "" {
				r.Days = append(r.Days, d)
			}
		}
		maps.DeleteFunc(total.Causes, func(_ string, n int64) bool { return n == 0 })
		r.Counties = append(r.Counties, total)
	}
	slices.SortStableFunc(r.Counties, func(a, b difference) int {
		return cmp.Or(cmp.Compare(rank(a.Place), rank(b.Place)), cmp.Compare(abs(b.Difference), abs(a.Difference)))
	})
}

// rank puts the totals last.
func rank(place string) int {
	return slices.Index([]string{counts.AllCalifornia, counts.Everywhere}, place)
}

func abs(n int64) int64 { return max(n, -n) }

// daysOf are the days that either side has for a place.
func daysOf(theirs *counts.Table, ours *known, place string) []int32 {
	days := map[int32]bool{}
	for i := range theirs.Rows {
		if theirs.Rows[i].Place == place {
			days[theirs.Rows[i].Day] = true
		}
	}
	for at := range ours.doses {
		if at.place == place {
			days[at.day] = true
		}
	}
	return slices.Sorted(maps.Keys(days))
}

// The causes that follow from the difference itself.
const (
	beforeEUA   = "before EUA"
	unexplained = "unexplained"
)

// causesInOrder are the causes of reconcile_causes.sql, the surest first: what
// a version proves, then what another rule could have done.
func causesInOrder() []string {
	return []string{"late", "deleted", "county changed", "day changed", "county found", "county unknown"}
}

// oneDay compares one day and names causes: each takes as many doses of the
// difference as it can stand for, in the order in which it is likely, and the
// rest is unexplained. A blank figure of theirs counts as nothing published.
func oneDay(theirs *counts.Table, ours *known, place string, day int32) difference {
	at := placeDay{place, day}
	d := difference{Place: place, Label: counts.Label(place), Day: isoDay(day), Ours: ours.doses[at], Causes: map[string]int64{}}
	if r, ok := theirs.Row(place, day); ok {
		d.Theirs, _ = r.Get(counts.TotalDoses)
	}
	d.Difference = d.Ours - d.Theirs
	rest, more, sign := d.Difference, d.Difference > 0, int64(1)
	if !more {
		rest, sign = -rest, -1
	}
	if day < firstDay && rest > 0 {
		d.Causes[beforeEUA] = sign * rest
		return d
	}
	for _, cause := range causesInOrder() {
		for _, p := range ours.causes[at] {
			if p.cause != cause || p.more != more || rest == 0 {
				continue
			}
			n := min(rest, p.doses)
			d.Causes[cause] += sign * n
			rest -= n
		}
	}
	if rest > 0 {
		d.Causes[unexplained] = sign * rest
	}
	return d
}

// vintages tells of each table, and where it breaks its own rules.
func vintages(tables []*counts.Table) []vintage {
	var out []vintage
	for _, t := range tables {
		first, last := t.Span()
		found := counts.Invariants(t)
		v := vintage{Name: t.Name, Rows: len(t.Rows), First: isoDay(first), Last: isoDay(last), Missing: orEmpty(t.Missing), Unknown: orEmpty(t.Unknown),
			Rules: map[string]int{}, Violations: []violatedRow{}, Unchecked: found.Unchecked}
		for _, x := range found.Violations {
			v.Rules[x.Rule]++
			v.Violations = append(v.Violations, violatedRow{x.Rule, x.Place, isoDay(x.Day), x.Column, x.Have, x.Want})
		}
		out = append(out, v)
	}
	return out
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// restated tells what each vintage changed in the days of the one before.
func restated(tables []*counts.Table, place string) []restating {
	out := []restating{}
	for i := 1; i < len(tables); i++ {
		r := restating{From: tables[i-1].Name, To: tables[i].Name, Counties: []restatedIn{}}
		for _, x := range counts.Restated(tables[i-1], tables[i]) {
			if place != "" && x.Place != place {
				continue
			}
			if place != "" {
				r.Days = append(r.Days, restatedOn{isoDay(x.Day), x.Column.String(), x.Old, x.New})
			}
			if x.Column != counts.TotalDoses {
				continue
			}
			n := len(r.Counties) - 1 // they come by place
			if n < 0 || r.Counties[n].Place != x.Place {
				r.Counties = append(r.Counties, restatedIn{Place: x.Place, Label: counts.Label(x.Place)})
				n++
			}
			r.Counties[n].Days++
			r.Counties[n].Doses += value(x.New) - value(x.Old)
		}
		out = append(out, r)
	}
	return out
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func (e *env) printReconciled(r *reconciled) error {
	e.say("ours: release %s; theirs: through %s", r.Release, r.Through)
	for _, v := range r.Vintages {
		e.say("%s: %d rows, %s to %s%s%s", v.Name, v.Rows, v.First, v.Last, but(", against its own rules: ", v.Rules), unread(v.Unknown))
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	line := func(name string, d difference) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%+d\t%s\n", name, d.Ours, d.Theirs, d.Difference, signed(d.Causes))
	}
	fmt.Fprintln(w, "\nDAY OR COUNTY\tOURS\tTHEIRS\tDIFFERENCE\tCAUSES")
	for _, d := range r.Days {
		line(d.Day, d)
	}
	for _, d := range r.Counties {
		line(strings.TrimSpace(d.Place+" "+d.Label), d)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.NotTheir) > 0 {
		e.say("not in their table: %s", strings.Join(r.NotTheir, ", "))
	}
	return e.printRestated(r.Restated)
}

func (e *env) printRestated(all []restating) error {
	for _, r := range all {
		e.say("\n%s restated %s:", r.To, r.From)
		w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "COUNTY\t\tDAYS\tTOTAL DOSES")
		for _, x := range r.Counties {
			fmt.Fprintf(w, "%s\t%s\t%d\t%+d\n", x.Place, x.Label, x.Days, x.Doses)
		}
		if len(r.Days) > 0 {
			fmt.Fprintln(w, "\nDAY\tCOLUMN\tWAS\tIS")
		}
		for _, x := range r.Days {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", x.Day, x.Column, orNone(x.Was), orNone(x.Is))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func orNone(n *int64) string {
	if n == nil {
		return "no row"
	}
	return fmt.Sprint(*n)
}

// signed writes causes as "late +3, unexplained −1", the largest first.
func signed(n map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		return cmp.Or(cmp.Compare(abs(n[b]), abs(n[a])), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %+d", name, n[name])
	}
	return strings.Join(names, ", ")
}

func but(words string, rules map[string]int) string {
	if len(rules) == 0 {
		return ""
	}
	n := map[string]int64{}
	for rule, count := range rules {
		n[rule] = int64(count)
	}
	return words + often(n)
}

func unread(columns []string) string {
	if len(columns) == 0 {
		return ""
	}
	return ", columns not read: " + strings.Join(columns, ", ")
}
