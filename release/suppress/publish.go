package suppress

import (
	"context"
	"errors"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// Hidden is one cell that is not published.
type Hidden struct {
	Line   int    `json:"line"`
	Column string `json:"column"`
	Why    string `json:"why"`
}

// Report says what was hidden and why. It holds no hidden value.
type Report struct {
	Table     string                    `json:"table"`
	Rows      int                       `json:"rows"`
	Cells     int                       `json:"cells"`
	AskedBy   string                    `json:"asked_by,omitempty"`
	Purpose   string                    `json:"purpose,omitempty"`
	Scores    map[string]Score          `json:"scores,omitempty"`
	Columns   map[string]map[string]int `json:"columns"` // column → why → cells
	Derived   map[string]int            `json:"derived,omitempty"`
	Relations map[string]int            `json:"relations"`
	Broken    []Broken                  `json:"relations_that_do_not_hold,omitempty"`
	Witnesses int                       `json:"witnesses"` // other tables that the proof consists of
	Attacked  int                       `json:"attacked"`
	Rough     int                       `json:"attacked_by_propagation_only"`
	Leaks     []Leak                    `json:"leaks,omitempty"`
	Held      []Hidden                  `json:"held,omitempty"`
	Withheld  []string                  `json:"given_up,omitempty"` // running sums that found no proof beside the days
	Hidden    []Hidden                  `json:"hidden"`

	held []int32 // cells of Held
}

// Leak is a cell that an outsider can say too much of.
type Leak struct {
	Line   int     `json:"line"`
	Column string  `json:"column"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"` // -1: without end
	Why    string  `json:"why"`
}

// Suppress hides what the rules ask for, proves that it can't be worked out,
// has it attacked, and returns the table to publish. Where running sums beside
// days find no proof, they are given up (see giveUp). The error is of kind
// dose.ErrHeld when the table must not go out; the report then says why.
func (sh *Sheet) Suppress(ctx context.Context, o Options) (*Table, *Report, error) {
	t, report, err := sh.suppress(ctx, o)
	if report == nil || len(report.held) == 0 || len(sh.runningColumns()) == 0 {
		return t, report, err
	}
	t, next, err := sh.giveUp(ctx, o, report.held, err)
	if next == nil {
		next = report
	}
	return t, next, err
}

func (sh *Sheet) suppress(ctx context.Context, o Options) (*Table, *Report, error) {
	sh.System.Hide(sh.Rules.Range, sh.asks)
	o.swaps = sh.newSwapper()
	r, err := Protect(ctx, sh.System, o)
	if r == nil {
		return nil, nil, err
	}
	report := sh.report()
	report.Witnesses, report.held = len(r.Proof.Witnesses), r.Held
	for _, c := range r.Held {
		report.Held = append(report.Held, sh.hiddenAt(c))
	}
	if err != nil {
		return nil, report, err
	}
	if err := sh.attack(ctx, report); err != nil {
		return nil, report, err
	}
	if len(report.Leaks) > 0 {
		return nil, report, errors.Join(errors.New("the attack bounds a hidden cell that has a proof"), dose.ErrHeld)
	}
	return sh.publish(report), report, nil
}

// Attack reports what an outsider can say of the cells of a table as it is
// published: small counts that are shown though the score asks to hide them,
// and hidden ones that are bounded more narrowly than the rule allows.
func (sh *Sheet) Attack(ctx context.Context) (*Report, error) {
	sh.System.raiseLow()
	report := sh.report()
	for row, cells := range sh.cells {
		for k, n := range cells {
			c := &sh.System.Cells[n]
			if !c.hidden() && c.Value >= sh.Rules.Range.Low && c.Value <= sh.Rules.Range.High && sh.asks(n) {
				report.Leaks = append(report.Leaks, Leak{sh.Table.Lines[row], sh.Rules.Counts[k], float64(c.Value), float64(c.Value), "shown"})
			}
		}
	}
	return report, sh.attack(ctx, report)
}

func (sh *Sheet) attack(ctx context.Context, report *Report) error {
	bounds, err := Attack(ctx, sh.System)
	if err != nil {
		return err
	}
	for _, b := range bounds {
		report.Attacked++
		if b.Rough {
			report.Rough++
		}
		if b.Leak {
			h := sh.hiddenAt(b.Cell)
			l := Leak{h.Line, h.Column, b.Low, b.High, "bounded by what else is shown"}
			if b.High > 1e15 {
				l.High = -1
			}
			report.Leaks = append(report.Leaks, l)
		}
	}
	return nil
}

// score scores the table place by place.
func (sh *Sheet) score() {
	s := sh.Rules.Score
	if s == nil {
		return
	}
	smallest := map[string]int64{}
	for i := range sh.System.Cells {
		c := &sh.System.Cells[i]
		if c.Blank || c.Value == 0 || c.Slack && !c.Grown {
			continue
		}
		p := sh.place(int32(i))
		if v, ok := smallest[p]; !ok || c.Value < v {
			smallest[p] = c.Value
		}
	}
	for i := range sh.System.Cells {
		if sh.System.Cells[i].Blank { // somebody found it small
			smallest[sh.place(int32(i))] = 1
		}
	}
	people := s.populations()
	sh.Scores = make(map[string]Score, len(smallest))
	for p, n := range smallest {
		sh.Scores[p] = Facts{Smallest: n, Population: people[p], Service: s.Service, Period: s.Period, AgeWidth: s.AgeWidth,
			Sex: s.Sex, Race: s.Race, Ethnicity: s.Ethnicity, Other: s.Other}.Score()
	}
}

// rowOf is the row and the place in Rules.Counts of a cell; slack that is no
// growth belongs to none.
func (sh *Sheet) rowOf(cell int32) (row, k int, ok bool) {
	if now, grown := sh.grown[cell]; grown {
		cell = now
	}
	n := len(sh.counts)
	if row = int(cell) / n; row >= len(sh.cells) {
		return 0, 0, false
	}
	return row, int(cell) % n, true
}

func (sh *Sheet) place(cell int32) string {
	row, _, ok := sh.rowOf(cell)
	d := sh.Rules.dimension("place")
	if !ok || d < 0 {
		return ""
	}
	return sh.Table.Rows[row][sh.dims[d]]
}

// asks says whether the score asks for small cells to be hidden here.
func (sh *Sheet) asks(cell int32) bool {
	return sh.Rules.Score == nil || sh.Scores[sh.place(cell)].Hides()
}

func (sh *Sheet) hiddenAt(cell int32) Hidden {
	row, k, _ := sh.rowOf(cell)
	h := Hidden{Line: sh.Table.Lines[row], Column: sh.Rules.Counts[k], Why: sh.System.Cells[cell].State.String()}
	if _, grown := sh.grown[cell]; grown {
		h.Why = "its growth is small"
	}
	return h
}

func (sh *Sheet) report() *Report {
	r := &Report{Table: sh.Table.Name, Rows: len(sh.Table.Rows), Cells: len(sh.Table.Rows) * len(sh.counts), Scores: sh.Scores,
		Columns: map[string]map[string]int{}, Derived: map[string]int{}, Relations: sh.Made, Broken: sh.Broken, Hidden: []Hidden{}}
	if s := sh.Rules.Score; s != nil {
		r.AskedBy, r.Purpose = s.AskedBy, s.Purpose
	}
	return r
}

// publish makes the table that goes out: hidden cells are empty, and so is
// each statistic that is made from one.
func (sh *Sheet) publish(report *Report) *Table {
	out := &Table{Name: sh.Table.Name, Columns: sh.Table.Columns, Lines: sh.Table.Lines, Rows: make([][]string, len(sh.Table.Rows))}
	for row, cells := range sh.cells {
		line := slices.Clone(sh.Table.Rows[row])
		for k, n := range cells {
			name, c := sh.Rules.Counts[k], &sh.System.Cells[n]
			if report.Columns[name] == nil {
				report.Columns[name] = map[string]int{}
			}
			report.Columns[name][c.State.String()]++
			if !c.hidden() {
				continue
			}
			line[sh.counts[k]] = ""
			report.Hidden = append(report.Hidden, sh.hiddenAt(n))
		}
		sh.hideDerived(row, line, report)
		out.Rows[row] = line
	}
	return out.without(sh.Rules.Withhold)
}

// without is the table less some columns.
func (t *Table) without(columns []string) *Table {
	keep := func(row []string) (out []string) {
		for i, v := range row {
			if !slices.Contains(columns, t.Columns[i]) {
				out = append(out, v)
			}
		}
		return out
	}
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = keep(row)
	}
	return &Table{Name: t.Name, Columns: keep(t.Columns), Rows: rows, Lines: t.Lines}
}

func (sh *Sheet) hideDerived(row int, line []string, report *Report) {
	for d, from := range sh.Rules.Derived {
		for _, name := range from {
			if sh.System.Cells[sh.cells[row][slices.Index(sh.Rules.Counts, name)]].hidden() {
				line[slices.Index(sh.Table.Columns, d)] = ""
				report.Derived[d]++
				break
			}
		}
	}
}
