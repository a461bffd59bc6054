package release

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Engine is what a comparison needs: queries over Parquet files. Calls come
// from one goroutine, with the result of one query read before the next.
type Engine interface {
	Query(ctx context.Context, query string) (*sql.Rows, error)
	// Export writes the rows of a query to a Parquet file at path.
	Export(ctx context.Context, query, path string) error
}

// DiffViews is the SQL text that the engine of a comparison starts with.
const DiffViews = "queries/diff_views.sql"

// The causes of a change, as far as two releases can tell.
const (
	NewReport    = "new report"
	Restored     = "restored"
	Deleted      = "delete"
	MovedCounty  = "moved county"
	Correction   = "correction"
	OlderRelease = "older release" // B is older than A: no cause is told
)

// Diff is what changed from release A to release B. Rows are those of people
// who live in the county, each once; in Total a row that moved between
// counties is neither added nor removed.
type Diff struct {
	A        string     `json:"a"`
	B        string     `json:"b"`
	Place    string     `json:"county,omitempty"` // the only place looked at
	Total    Changes    `json:"total"`
	Counties []Changes  `json:"counties"` // those with changes
	Days     []DayDiff  `json:"county_day"`
	Only     OnlyInside `json:"columns_only_in"`

	rows string // the changes by key, a Parquet file; empty when there are none
}

// OnlyInside names the columns that only one of the releases has; they are
// not compared.
type OnlyInside struct {
	A []string `json:"a"`
	B []string `json:"b"`
}

// Changes counts the changes of one county.
type Changes struct {
	County       string           `json:"county,omitempty"`
	Label        string           `json:"label,omitempty"`
	Added        int64            `json:"added"`
	Removed      int64            `json:"removed"`
	Changed      int64            `json:"changed"`
	DosesAdded   int64            `json:"doses_added"`   // rows that count as a dose now, and did not
	DosesRemoved int64            `json:"doses_removed"` // rows that did, and do not now
	Causes       map[string]int64 `json:"causes"`
	Columns      map[string]int64 `json:"columns"` // how often each column changed
}

// DayDiff is a day of county_day whose figures differ: column → [A, B].
type DayDiff struct {
	County  string              `json:"county_fips"`
	Day     string              `json:"administered_date"`
	Figures map[string][2]int64 `json:"figures"`
}

// RowDiff names one changed row by its key.
type RowDiff struct {
	County   string `json:"county"`
	Change   string `json:"change"`
	Cause    string `json:"cause"`
	Other    string `json:"other_county,omitempty"`
	Registry string `json:"registry"`
	Event    string `json:"vax_event_id"`
	Columns  string `json:"columns,omitempty"` // comma separated
}

// DiffFiles returns the files of the views of DiffViews, and the folders that
// the engine must be able to read.
func (s Store) DiffFiles(a, b string) (files map[string][]string, folders []string, err error) {
	for _, id := range []string{a, b} {
		if _, err := s.Manifest(id); err != nil {
			return nil, nil, err
		}
		root, err := s.Path(id)
		if err != nil {
			return nil, nil, err
		}
		folders = append(folders, root)
	}
	return map[string][]string{"segment_a": {filepath.Join(folders[0], "segment.parquet")}}, folders, nil
}

// Compare tells what changed from release a to release b, in all counties or,
// with place, in one. tmp is a folder of the caller's for keys; the engine can
// read it and both releases. The result's Rows need it still.
func Compare(ctx context.Context, store Store, e Engine, a, b string, place dose.Place, tmp string) (_ *Diff, err error) {
	defer dose.Wrap(&err, "compare %s and %s", a, b)
	c, err := newComparison(store, e, a, b, place, tmp)
	if err != nil {
		return nil, err
	}
	if len(c.places) > 0 {
		if err := c.columns(ctx, &c.diff.Only); err != nil {
			return nil, err
		}
		if err := c.changes(ctx); err != nil {
			return nil, err
		}
		if err := c.summary(ctx); err != nil {
			return nil, err
		}
	}
	return c.diff, c.days(ctx)
}

// summary counts the changes by county.
func (c *comparison) summary(ctx context.Context) error {
	at := map[string]*Changes{}
	county := func(code string) *Changes {
		if at[code] == nil {
			at[code] = &Changes{County: code, Label: dose.Place(code).Label(), Causes: map[string]int64{}, Columns: map[string]int64{}}
		}
		return at[code]
	}
	err := c.each(ctx, "diff_counties", func(scan func(...any) error) error {
		var code, change, cause string
		var n, gained, lost int64
		if err := scan(&code, &change, &cause, &n, &gained, &lost); err != nil {
			return err
		}
		county(code).count(change, cause, n, gained, lost)
		c.diff.Total.total(change, cause, n, gained, lost, c.place != "")
		return nil
	})
	if err != nil {
		return err
	}
	err = c.each(ctx, "diff_column_counts", func(scan func(...any) error) error {
		var code, column string
		var n int64
		if err := scan(&code, &column, &n); err != nil {
			return err
		}
		county(code).Columns[column] += n
		c.diff.Total.Columns[column] += n
		return nil
	})
	for _, p := range dose.Places() {
		if x := at[string(p)]; x != nil {
			c.diff.Counties = append(c.diff.Counties, *x)
		}
	}
	return err
}

func (x *Changes) count(change, cause string, n, gained, lost int64) {
	switch change {
	case "added":
		x.Added += n
	case "removed":
		x.Removed += n
	default:
		x.Changed += n
	}
	x.DosesAdded += gained
	x.DosesRemoved += lost
	x.Causes[cause] += n
}

// total counts for all counties together: a row that moved counts once, as
// changed, where it went to.
func (x *Changes) total(change, cause string, n, gained, lost int64, one bool) {
	if cause != MovedCounty || one {
		x.count(change, cause, n, gained, lost)
		return
	}
	if change == "added" {
		x.Changed += n
		x.Causes[cause] += n
	}
}

// Rows calls f with each changed row, by key. With Place, only that place's.
func (d *Diff) Rows(ctx context.Context, e Engine, f func(RowDiff) error) error {
	if d.rows == "" {
		return nil
	}
	return query(ctx, e, "diff_row_list", func(scan func(...any) error) error {
		var r RowDiff
		if err := scan(&r.County, &r.Change, &r.Cause, &r.Other, &r.Registry, &r.Event, &r.Columns); err != nil {
			return err
		}
		return f(r)
	}, "{rows}", list(d.rows))
}

// query runs an SQL text and calls row for each of its rows.
func query(ctx context.Context, e Engine, name string, row func(scan func(...any) error) error, replace ...string) (err error) {
	text, err := fill(name, replace...)
	if err != nil {
		return err
	}
	rows, err := e.Query(ctx, text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return nil
}

// fill returns the SQL text of that name with what stands in braces replaced.
func fill(name string, replace ...string) (string, error) {
	text, err := sqltext.Text("queries/" + name + ".sql")
	return replacer(replace).Replace(text), err
}

// comparison is one call of Compare.
type comparison struct {
	store  Store
	engine Engine
	tmp    string
	roots  [2]string
	place  dose.Place
	places []string // whose files differ
	rows   [2]map[string]int64
	whole  bool // the releases have different columns or rules: compare all cells
	older  bool
	set    []string // the compared columns that follow from the whole set
	row    []string // the other ones
	diff   *Diff
}

func newComparison(store Store, e Engine, a, b string, place dose.Place, tmp string) (*comparison, error) {
	c := &comparison{store: store, engine: e, place: place, tmp: tmp,
		diff: &Diff{A: a, B: b, Place: string(place), Counties: []Changes{}, Days: []DayDiff{}, Only: OnlyInside{[]string{}, []string{}},
			Total: Changes{Causes: map[string]int64{}, Columns: map[string]int64{}}}}
	var m [2]*Manifest
	for i, id := range []string{a, b} {
		var err error
		if m[i], err = store.Manifest(id); err != nil {
			return nil, err
		}
		if c.roots[i], err = store.Path(id); err != nil {
			return nil, err
		}
		c.rows[i] = map[string]int64{}
	}
	c.whole, c.older = m[0].Schema != m[1].Schema, m[1].LedgerSeq < m[0].LedgerSeq
	places := []string{string(place)}
	if place == "" {
		places = residences()
	}
	for _, p := range places {
		path := "counties/" + p + "/dose_event.parquet"
		x, okA := m[0].File(path)
		y, okB := m[1].File(path)
		if !okA || !okB {
			return nil, fmt.Errorf("a release has no file %s: %w", path, dose.ErrNotFound)
		}
		c.rows[0][p], c.rows[1][p] = x.Rows, y.Rows
		if x.SHA256 != y.SHA256 {
			c.places = append(c.places, p)
		}
	}
	return c, nil
}

// residences are the places whose files together hold each event once.
func residences() []string {
	var out []string
	for _, p := range dose.Places() {
		if _, county := dose.CountyByFIPS(string(p)); county || p == dose.OutOfState || p == dose.UnknownCounty {
			out = append(out, string(p))
		}
	}
	return out
}

func (c *comparison) each(ctx context.Context, name string, row func(scan func(...any) error) error) error {
	return query(ctx, c.engine, name, row, "{rows}", list(c.diff.rows), "{one}", fmt.Sprint(c.place != ""))
}

// files returns dose_event of the places in one of the two releases.
func (c *comparison) files(side int, places ...string) string {
	var paths []string
	for _, p := range places {
		paths = append(paths, filepath.Join(c.roots[side], "counties", p, "dose_event.parquet"))
	}
	return list(paths...)
}

// list writes paths as an SQL list of texts.
func list(paths ...string) string {
	out := slices.Clone(paths)
	for i := range out {
		out[i] = quote(out[i])
	}
	return fmt.Sprintf("[%s]", join(out))
}
