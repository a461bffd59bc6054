package release

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// The causes that changes files tell besides those of Diff. docs/CHANGES.md
// has the rules and their order.
const (
	PersonMerged    = "person merged"
	PersonSplit     = "person split"
	DuplicateFound  = "duplicate found"
	DuplicateUndone = "duplicate undone"
	OtherRecord     = "other record"   // another record of the person came, went or was corrected
	RuleChanged     = "rule changed"   // the same records say something else now
	ReportedAgain   = "reported again" // only where the row came from is new
)

// changeColumns stand before the columns of dose_event in a changes file.
func changeColumns() []dose.Column {
	return []dose.Column{{Name: "change"}, {Name: "cause"}, {Name: "version"}, {Name: "columns"}, {Name: "row", Type: dose.Big}, {Name: "other_row", Type: dose.Big}}
}

// The values of version: what the older release's file holds and the newer
// one's does not, and the other way round.
const (
	oldVersion = "old"
	newVersion = "new"
)

// Step names the changes of one place from one release to another.
type Step struct {
	From, To string // releases
	Place    dose.Place
	Pair     string // what Store.Pair made of the two releases
	// Limited are the place's limited dose_event of both releases, where the
	// changes of the limited data set are asked for: what differs in no column
	// of it is no change then. Empty: identified.
	Limited [2]string
}

func (s Step) limited() bool { return s.Limited[0] != "" }

// step is one step from release A to release B.
type step struct {
	a, b  *Manifest
	roots [2]string
}

func (s Store) step(a, b string) (x step, err error) {
	if x.a, err = s.Manifest(a); err != nil {
		return x, err
	}
	if x.b, err = s.Manifest(b); err != nil {
		return x, err
	}
	for i, id := range []string{a, b} {
		if x.roots[i], err = s.Path(id); err != nil {
			return x, err
		}
	}
	return x, nil
}

func (x step) path(side int, p string) string {
	return filepath.Join(x.roots[side], "counties", p, "dose_event.parquet")
}

func (x step) paths(side int, places []string) string {
	out := make([]string, len(places))
	for i, p := range places {
		out[i] = x.path(side, p)
	}
	return list(out...)
}

// differ are the places of residence whose files are not the same.
func (x step) differ() []string {
	return slices.DeleteFunc(residences(), func(p string) bool {
		name := "counties/" + p + "/dose_event.parquet"
		f, okA := x.a.File(name)
		g, okB := x.b.File(name)
		return okA && okB && f.SHA256 == g.SHA256
	})
}

// Pair writes what the changes of every place from release a to release b
// need to know of the other places: the events that are not the same, by key,
// without anything of a person. The engine has the views of DiffViews, and
// reads both releases and the folder of dst.
func (s Store) Pair(ctx context.Context, e Engine, a, b, dst string) (err error) {
	defer dose.Wrap(&err, "compare %s and %s", a, b)
	x, err := s.step(a, b)
	if err != nil {
		return err
	}
	all := residences()
	places := x.differ()
	if len(places) == 0 { // the shape, without rows
		places = all[:1]
	}
	return exportQuery(ctx, e, "changes_pair", dst, "{a}", x.paths(0, places), "{b}", x.paths(1, places),
		"{a_all}", x.paths(0, all), "{b_all}", x.paths(1, all))
}

// Changes writes what one place's dose_event changed by from one release to
// another, each change with its cause: a Parquet file at dst with the columns
// of dose_event behind change, cause, version, columns, row, other_row. A row
// of version old stands in the older file and not in the newer, one of version
// new the other way round; a changed row has both, and other_row is the number
// of the one at the other. First all that is old, by row number in the older
// file, then all that is new, by row number in the newer. Apply makes the
// newer file of the older with it. tmp is a folder of the caller's that the
// engine can read and write. The same two releases give the same bytes.
//
// A row that moved to another county is a removal here, and its new values are
// not told; nor is where it came from to the county it came to.
func (s Store) Changes(ctx context.Context, e Engine, c Step, tmp, dst string) (rows int64, err error) {
	defer dose.Wrap(&err, "changes of %s from %s to %s", c.Place, c.From, c.To)
	x, err := s.step(c.From, c.To)
	if err != nil {
		return 0, err
	}
	from, to := x.path(0, string(c.Place)), x.path(1, string(c.Place))
	columns, err := sameColumns(from, to)
	if err != nil {
		return 0, err
	}
	found := filepath.Join(tmp, "rows.parquet")
	head := steps{From: c.From, To: c.To, Place: string(c.Place)}
	rowsOf := [2]string{from, to}
	if c.limited() {
		columns, head.Level, rowsOf = dose.Profile(columns, dose.Limited), dose.Limited.String(), c.Limited
	}
	row, set := kinds(columns)
	replace := []string{"{a}", list(from), "{b}", list(to), "{rows}", list(found), "{row}", join(row), "{set}", join(set),
		"{pair}", list(c.Pair), "{older}", fmt.Sprint(x.b.LedgerSeq < x.a.LedgerSeq)}
	if err := exportQuery(ctx, e, "changes_rows", found, replace...); err != nil {
		return 0, err
	}
	named, err := changedColumns(ctx, e, columns, tmp, replace)
	if err != nil {
		return 0, err
	}
	why := filepath.Join(tmp, "why.parquet")
	candidates := "select * from read_parquet(" + list(found) + ") where change = 'changed' and derived"
	if err := exportQuery(ctx, e, "changes_derived", why, append(replace, "{candidates}", candidates)...); err != nil {
		return 0, err
	}
	listed := filepath.Join(tmp, "list.parquet")
	if err := exportQuery(ctx, e, "changes_list", listed, append(replace, "{columns}", list(named...), "{why}", list(why))...); err != nil {
		return 0, err
	}
	return writeChanges(ctx, listed, rowsOf, dst, head)
}

// sameColumns returns the columns of two files, which must be the same.
func sameColumns(a, b string) ([]dose.Column, error) {
	x, err := Columns(a)
	if err != nil {
		return nil, err
	}
	y, err := Columns(b)
	if err != nil {
		return nil, err
	}
	want := asWritten(dose.ReleaseColumns())
	same := func(a, b dose.Column) bool { return a.Name == b.Name }
	if !slices.EqualFunc(x, y, same) || !slices.EqualFunc(x, want, same) {
		return nil, fmt.Errorf("the columns of dose_event are not the same in both releases; download the newer file whole: %w", dose.ErrNotFound)
	}
	return want, nil
}

// kinds parts the columns that are compared: what a row says by itself, and
// what follows from the whole set.
func kinds(columns []dose.Column) (row, set []string) {
	for _, c := range columns {
		switch {
		case slices.Contains(notCompared, c.Name):
		case c.Stage == dose.Set:
			set = append(set, c.Name)
		default:
			row = append(row, c.Name)
		}
	}
	return row, set
}

// changedColumns names what differs in the rows that both files have, and
// returns the files that say so.
func changedColumns(ctx context.Context, e Engine, columns []dose.Column, tmp string, replace []string) (files []string, err error) {
	var n int64
	if err := query(ctx, e, "changes_count", func(scan func(...any) error) error { return scan(&n) }, replace...); err != nil {
		return nil, err
	}
	var names []string
	for _, c := range columns {
		if c.Name != "registry" && c.Name != "vax_event_id" {
			names = append(names, c.Name)
		}
	}
	none := filepath.Join(tmp, "columns-none.parquet")
	if err := exportQuery(ctx, e, "changes_none", none); err != nil {
		return nil, err
	}
	files = append(files, none)
	slices := (n + sliceRows - 1) / sliceRows
	for i := range slices {
		path := filepath.Join(tmp, fmt.Sprintf("columns-%d.parquet", i))
		err := exportQuery(ctx, e, "changes_columns", path, append(replace, "{n}", fmt.Sprint(slices), "{i}", fmt.Sprint(i), "{changes}", changed(names))...)
		if err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

func exportQuery(ctx context.Context, e Engine, name, path string, replace ...string) error {
	text, err := fill(name, replace...)
	if err != nil {
		return err
	}
	if err := e.Export(ctx, text, path); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// steps says what a changes file leads from and to. It stands in the file
// itself, under stepsKey, for Apply.
type steps struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Place string `json:"place"`
	Level string `json:"level,omitempty"` // of the rows; empty: identified
	// Groups are the row groups of the newer file: rows, negative where they
	// are no doses.
	Groups []int64 `json:"groups"`
}

const stepsKey = "dosebook.changes"

// columns are those of dose_event in the files that it leads from and to.
func (s steps) columns() []dose.Column {
	if s.Level == dose.Limited.String() {
		return asWritten(dose.Profile(dose.ReleaseColumns(), dose.Limited))
	}
	return asWritten(dose.ReleaseColumns())
}

// groupsOf tells the row groups of a county's dose_event, as steps has them:
// each holds doses, or other events, alone.
func groupsOf(path string) (groups []int64, err error) {
	f, p, err := openParquet(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	at := slices.IndexFunc(p.Schema().Columns(), func(c []string) bool { return c[0] == "is_primary" })
	if at < 0 {
		return nil, fmt.Errorf("%s does not say which rows are doses: %w", filepath.Base(path), dose.ErrInvalid)
	}
	var s source
	for _, g := range p.RowGroups() {
		if err := s.load(boolLayout, g.ColumnChunks()[at], int(g.NumRows())); err != nil {
			return nil, err
		}
		n := g.NumRows()
		if !s.bits[0] {
			n = -n
		}
		groups = append(groups, n)
	}
	return groups, nil
}

func size(n int64) int64 { return max(n, -n) }
