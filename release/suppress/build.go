package suppress

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sheet is a table made into cells and relations.
type Sheet struct {
	System *System
	Table  *Table
	Rules  *Rules
	Broken []Broken         // relations that don't hold in the table, by rule
	Made   map[string]int   // relations by rule
	Scores map[string]Score // by place; "" without a place dimension

	cells  [][]int32 // by row, then by place in Rules.Counts
	counts []int     // columns of Rules.Counts
	dims   []int     // columns of Rules.Dimensions
	byKey  map[string]int
	days   []int           // of rows: the period as a number, for order
	grown  map[int32]int32 // growth → the running sum that grew

	groups    map[string]int32
	timeLines map[string][]int
}

// Broken is a rule that some rows don't keep: those relations are left out,
// since no exact bound follows from them, and the report says so.
type Broken struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"`
	Line  int    `json:"first_line"`
}

// Build makes a table into cells and relations. With blank, empty counts are
// cells that somebody else hid: such a sheet can be attacked, not protected.
func Build(t *Table, r *Rules, blank bool) (*Sheet, error) {
	sh := &Sheet{System: &System{}, Table: t, Rules: r, Made: map[string]int{}, byKey: map[string]int{}, grown: map[int32]int32{}, groups: map[string]int32{}}
	if err := sh.columns(); err != nil {
		return nil, err
	}
	if err := sh.read(blank); err != nil {
		return nil, err
	}
	sh.relate()
	sh.score()
	return sh, nil
}

func (sh *Sheet) columns() error {
	for _, d := range sh.Rules.Dimensions {
		i, err := sh.Table.column(d.Column, "dimensions")
		if err != nil {
			return err
		}
		sh.dims = append(sh.dims, i)
	}
	for _, c := range sh.Rules.Counts {
		i, err := sh.Table.column(c, "counts")
		if err != nil {
			return err
		}
		sh.counts = append(sh.counts, i)
	}
	for _, w := range sh.Rules.Withhold {
		if _, err := sh.Table.column(w, "withhold"); err != nil {
			return err
		}
	}
	for d := range sh.Rules.Derived {
		if _, err := sh.Table.column(d, "derived"); err != nil {
			return err
		}
	}
	return nil
}

func (sh *Sheet) read(blank bool) error {
	period := sh.Rules.dimension("period")
	sh.days = make([]int, len(sh.Table.Rows))
	for i, row := range sh.Table.Rows {
		key := sh.key(i, -1, "")
		if other, ok := sh.byKey[key]; ok {
			return sh.Table.bad(i, sh.Rules.Dimensions[0].Column, "dimensions", "the same place in the table as line %d; name the column that tells them apart, or remove one", sh.Table.Lines[other])
		}
		sh.byKey[key] = i
		if period >= 0 {
			day, ok := order(row[sh.dims[period]])
			if !ok {
				return sh.Table.bad(i, sh.Rules.Dimensions[period].Column, "dimensions", "not a date or a year; write it as 2006-01-02, or leave kind: period out")
			}
			sh.days[i] = day
		}
		cells := make([]int32, len(sh.counts))
		for k, col := range sh.counts {
			c, err := sh.cell(row[col], blank)
			if err != nil {
				return sh.Table.bad(i, sh.Rules.Counts[k], "counts", "%s", err)
			}
			c.Group = sh.group(row)
			cells[k] = sh.System.Add(c)
		}
		sh.cells = append(sh.cells, cells)
	}
	return nil
}

// group numbers the places.
func (sh *Sheet) group(row []string) int32 {
	d := sh.Rules.dimension("place")
	if d < 0 {
		return 0
	}
	place := row[sh.dims[d]]
	n, ok := sh.groups[place]
	if !ok {
		n = int32(len(sh.groups) + 1)
		sh.groups[place] = n
	}
	return n
}

func (sh *Sheet) cell(text string, blank bool) (Cell, error) {
	r := sh.Rules.Range
	if text == "" {
		if !blank {
			return Cell{}, fmt.Errorf("empty: give the table as it is before suppression, or use --attack on one that is published")
		}
		return Cell{State: Primary, Blank: true, Low: r.Low, High: r.High}, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 {
		return Cell{}, fmt.Errorf("not a count: give whole numbers of zero or more, without separators")
	}
	// a large count is missed more, and by more readers
	return Cell{Value: v, Weight: 1 + float32(math.Log10(float64(v)+1))/10}, nil
}

var dateForms = []string{time.DateOnly, "1/2/2006", "1/2/06", "2006-01", "2006", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// order makes a number of a period.
func order(text string) (int, bool) {
	for _, form := range dateForms {
		if d, err := time.Parse(form, text); err == nil {
			return int(d.Unix() / 86400), true
		}
	}
	return 0, false
}

// key is a row's place in the table, with one dimension put aside or replaced.
func (sh *Sheet) key(row, without int, value string) string {
	var b strings.Builder
	for d, col := range sh.dims {
		if d == without {
			b.WriteString(value)
		} else {
			b.WriteString(sh.Table.Rows[row][col])
		}
		b.WriteByte(0x1f)
	}
	return b.String()
}

// line groups rows that differ in dimension d only. Groups and rows come in
// order of the file, or of time where d is the period.
func (sh *Sheet) lines(d int) [][]int {
	groups, at := [][]int{}, map[string]int{}
	for i := range sh.Table.Rows {
		k := sh.key(i, d, "")
		n, ok := at[k]
		if !ok {
			n = len(groups)
			at[k] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	if sh.Rules.Dimensions[d].Kind == "period" {
		for _, g := range groups {
			slices.SortStableFunc(g, func(a, b int) int { return cmp.Compare(sh.days[a], sh.days[b]) })
		}
	}
	return groups
}

func (sh *Sheet) relate() {
	broken := map[string]*Broken{}
	add := func(rule string, row int, err error) {
		if err == nil {
			sh.Made[rule]++
			return
		}
		b := broken[rule]
		if b == nil {
			b = &Broken{Rule: rule, Line: sh.Table.Lines[row]}
			broken[rule] = b
		}
		b.Count++
	}
	sh.relateRows(add)
	sh.relateTotals(add)
	sh.relateRunning(add)
	sh.relateEqual(add)
	for _, b := range broken {
		sh.Broken = append(sh.Broken, *b)
	}
	slices.SortFunc(sh.Broken, func(a, b Broken) int { return cmp.Compare(a.Rule, b.Rule) })
}

// relateRows adds the relations between columns of a row.
func (sh *Sheet) relateRows(add func(string, int, error)) {
	of := func(row int, names []string) (out []int32) {
		for _, n := range names {
			out = append(out, sh.cells[row][slices.Index(sh.Rules.Counts, n)])
		}
		return out
	}
	for row := range sh.cells {
		for _, l := range sh.Rules.Sums {
			add("sums: "+l.Total, row, sh.System.Sum(of(row, []string{l.Total})[0], of(row, l.Parts)...))
		}
		for _, l := range sh.Rules.AtMost {
			add("at_most: "+l.Total, row, sh.System.AtMost(of(row, []string{l.Total})[0], of(row, l.Parts)...))
		}
	}
}

// row returns the row at a place in the table.
func (sh *Sheet) row(like, d int, value string) (int, bool) {
	i, ok := sh.byKey[sh.key(like, d, value)]
	return i, ok
}
