package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/counts"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
	sqltext "github.com/dosebook/dosebook/sql"
)

func reconcileCommand(e *env) *cobra.Command {
	var id, county string
	c := &cobra.Command{Use: "reconcile", Short: "Hold our figures against somebody else's"}
	published := &cobra.Command{
		Use:   "published FILE…",
		Short: "Our doses by county and day beside the state's published table",
		Long: `Hold county_day of a release against the state's published table of doses by
county and day (covid19vaccinesbycounty, CSV, any vintage), up to that table's
last day. For each county: ours, theirs, the difference, and what may explain
it, as far as the store knows: doses first reported after the table's last day
(late), doses that were taken back (deleted), corrections (county changed, day
changed), a county that we took from the ZIP or the place of administration
(county found) or could not tell (county unknown), days before 2020-12-14
(before EUA). The rest is unexplained. A table is also held against its own
rules.

With several FILEs, which are vintages of the same table, the last is compared,
and it is said which days each vintage restated. Differences are findings and
no failure: the exit status is 0.`,
		Example: `  dosebook reconcile published covid19vaccinesbycounty.csv
  dosebook reconcile published may.csv august.csv --county 06001
  dosebook reconcile published may.csv --json | jq '.counties[:5]'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := publishedPlace(county)
			if err != nil {
				return err
			}
			return e.reconcile(cmd.Context(), args, id, place)
		},
	}
	published.Flags().StringVar(&id, "release", "", "release `ID` (default: the newest approved one)")
	published.Flags().StringVar(&county, "county", "", "day by day for this county (FIPS), OOS, UNK, CA or ALL")
	reconcileControl(e, c)
	c.AddCommand(published)
	return c
}

// publishedPlace reads --county: a place that the published table has.
func publishedPlace(s string) (string, error) {
	if s == "" || s == counts.AllCalifornia || s == counts.Everywhere {
		return s, nil
	}
	p, err := dose.ParsePlace(s)
	if err == nil && !slices.Contains(publishedPlaces(), string(p)) {
		err = fmt.Errorf("the published table counts a city in its county: %w", dose.ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("--county %s: %w", s, err)
	}
	return string(p), nil
}

// publishedPlaces are the places of the table, its totals last.
func publishedPlaces() []string {
	var out []string
	for _, c := range dose.Counties() {
		out = append(out, c.FIPS)
	}
	return append(out, counts.OutsideState, counts.Unknown, counts.AllCalifornia, counts.Everywhere)
}

func (e *env) reconcile(ctx context.Context, paths []string, id, place string) error {
	tables, err := readTables(paths)
	if err != nil {
		return err
	}
	newest := tables[len(tables)-1]
	if !newest.Has(counts.TotalDoses) {
		return fmt.Errorf("%s has no column total_doses, so there is nothing to compare: %w", newest.Name, dose.ErrInvalid)
	}
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	if id == "" {
		if id, err = b.store.Latest(); err != nil {
			return err
		}
	}
	_, through := newest.Span()
	ours, err := e.ours(ctx, b, id, isoDay(through))
	if err != nil {
		return err
	}
	r := reconciled{Release: id, Through: isoDay(through), County: place, Vintages: vintages(tables), Restated: restated(tables, place)}
	r.compare(newest, ours, place)
	if e.json {
		return e.printJSON(r)
	}
	return e.printReconciled(&r)
}

// readTables reads the files, and puts vintages in the order of their last day.
func readTables(paths []string) ([]*counts.Table, error) {
	var tables []*counts.Table
	for _, path := range paths {
		t, err := readTable(path)
		if err != nil {
			return nil, err
		}
		if len(t.Rows) == 0 {
			return nil, extract.NewFault(t.Name, 0, "FMT_003", "the table has no rows", "download it again, whole")
		}
		tables = append(tables, t)
	}
	slices.SortStableFunc(tables, func(a, b *counts.Table) int {
		_, x := a.Span()
		_, y := b.Span()
		return int(x - y)
	})
	return tables, nil
}

func readTable(path string) (_ *counts.Table, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	defer f.Close()
	text, err := extract.Unpack(f)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	return counts.Read(text, filepath.Base(path))
}

func isoDay(day int32) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }

// placeDay is one cell of the table.
type placeDay struct {
	place string
	day   int32 // since 1970-01-01
}

// known is what the release and the store know of the days to compare.
type known struct {
	doses  map[placeDay]int64
	causes map[placeDay][]possible
}

// possible is a possible cause: doses that we count more, or less, than others.
type possible struct {
	cause string
	more  bool
	doses int64
}

// ours asks the release and the segments behind it.
func (e *env) ours(ctx context.Context, b *book, id, through string) (_ *known, err error) {
	m, err := b.store.Manifest(id)
	if err != nil {
		return nil, err
	}
	root, err := b.store.Path(id)
	if err != nil {
		return nil, err
	}
	files := release.ViewFiles(root)
	segments, err := b.segments(ctx, m.LedgerSeq)
	if err != nil {
		return nil, err
	}
	for _, s := range segments {
		folder, err := b.lake.Folder(s.Registry, s.Segment)
		if err != nil {
			return nil, err
		}
		files["lake"] = append(files["lake"], filepath.Join(folder, load.EventFile))
	}
	tmp, err := os.MkdirTemp("", "dosebook-reconcile-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	r, err := duckdb.NewReader(ctx, "queries/reconcile_views.sql", files, []string{root, b.lake.Dir, tmp}, queryMemoryMB)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	k := &known{map[placeDay]int64{}, map[placeDay][]possible{}}
	err = ask(ctx, r, "reconcile_ours", through, func(scan func(...any) error) error {
		var at placeDay
		var n int64
		err := scan(&at.place, &at.day, &n)
		k.doses[at] = n
		return err
	})
	if err != nil {
		return nil, err
	}
	return k, ask(ctx, r, "reconcile_causes", through, func(scan func(...any) error) error {
		var at placeDay
		var p possible
		err := scan(&at.place, &at.day, &p.cause, &p.more, &p.doses)
		k.add(at, p)
		return err
	})
}

// add notes a possible cause, for its place and for the totals that it is in.
// What only moves doses between places does not change the totals.
func (k *known) add(at placeDay, p possible) {
	places := []string{at.place}
	if !strings.HasPrefix(p.cause, "county") {
		places = append(places, counts.Everywhere)
		if _, county := dose.CountyByFIPS(at.place); county {
			places = append(places, counts.AllCalifornia)
		}
	}
	for _, place := range places {
		at.place = place
		i := slices.IndexFunc(k.causes[at], func(q possible) bool { return q.cause == p.cause && q.more == p.more })
		if i < 0 {
			k.causes[at] = append(k.causes[at], p)
		} else {
			k.causes[at][i].doses += p.doses
		}
	}
}

// ask runs a query of reconcile. through is a date that we wrote.
func ask(ctx context.Context, r *duckdb.Reader, name, through string, row func(scan func(...any) error) error) (err error) {
	text, err := sqltext.Text("queries/" + name + ".sql")
	if err != nil {
		return err
	}
	rows, err := r.Query(ctx, replaceThrough(text, through))
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
